#!/usr/bin/env bash
# Tests the local cluster's own life: start, second start, repair, what pods see, end, and that nothing is left behind.
#
# It runs in name spaces of its own (network, mounts, control groups), hence beside a cluster that is in use. Takes no arguments.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/lib/common.sh
. "$here/../lib/common.sh"
# By itself it is called with one.
[[ ${1:-} == inside ]] || no_arguments "$@"
group=tars-cluster-test-$$

# v1 has a folder per controller, v2 is one folder.
hierarchies() {
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        echo /sys/fs/cgroup
    else
        find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
    fi
}

# Outside: a control group for all that follows, then the same script again inside the new name spaces.
if [[ ${1:-} != inside ]]; then
    ((EUID == 0)) || fail "this test makes name spaces: run it as root"
    # Inside there is no way out: what packages and modules have to be fetched for must be here before.
    # shellcheck source=integration/cluster/lib/checks.sh
    . "$here/lib/checks.sh"
    check_programs
    "$ROOT/integration/tools/build.sh"
    "$ROOT/integration/tools/build.sh" kwok
    "$ROOT/integration/images/build.sh" --quiet pause probe
    for hierarchy in $(hierarchies); do
        mkdir "$hierarchy/$group"
        if [[ -e $hierarchy/$group/cpuset.cpus ]]; then
            cat "$hierarchy/cpuset.cpus" >"$hierarchy/$group/cpuset.cpus"
            cat "$hierarchy/cpuset.mems" >"$hierarchy/$group/cpuset.mems"
        fi
    done
    status=0
    (
        for hierarchy in $(hierarchies); do
            echo "$BASHPID" >"$hierarchy/$group/cgroup.procs"
        done
        exec unshare --net --mount --cgroup --uts "$0" inside
    ) || status=$?
    for hierarchy in $(hierarchies); do
        find "$hierarchy/$group" -depth -type d -exec rmdir {} + 2>/dev/null ||
            { echo "FAILED: processes are left in $hierarchy/$group"; status=1; }
    done
    exit "$status"
fi

mount --make-rprivate /
# The mounts of the control groups still show the machine's; mounted again they show only ours.
for hierarchy in $(hierarchies); do
    kind=$(findmnt --noheadings --output FSTYPE "$hierarchy")
    options=$(basename "$hierarchy")
    [[ $options != systemd ]] || options=none,name=systemd
    [[ $kind != cgroup2 ]] || options=rw
    umount "$hierarchy"
    mount -t "$kind" -o "$options" "$kind" "$hierarchy"
done
# Mounts of a cluster that is in use would be held by our copies of them.
awk -v prefix="$TARS_CLUSTER_DIR/" 'index($5, prefix) == 1 { print $5 }' /proc/self/mountinfo |
    sort --reverse | xargs --no-run-if-empty umount --lazy
ip link set lo up

TARS_CLUSTER_DIR=$(mktemp -d /var/lib/tars-test.XXXXXX)
export TARS_CLUSTER_DIR
# The file system is the machine's: the data of a cluster in use, and what this one calls its own, must not be the same folder.
data_root=$(mktemp -d /var/lib/tars-test-data.XXXXXX)
export TARS_NODE_DATA=$data_root/app/tars
unset KUBECONFIG
output=$(mktemp)
passed=0 failed=0

# check WHAT COMMAND...: one test; a failed one shows what the command printed.
check() {
    local what=$1
    shift
    if "$@" >"$output" 2>&1; then
        passed=$((passed + 1))
        echo "ok      $what"
    else
        failed=$((failed + 1))
        echo "FAILED  $what"
        sed 's/^/        /' "$output" | tail -n 20
    fi
}

# refuses TEXT COMMAND...: the command fails and says TEXT in one line.
refuses() {
    local text=$1 said
    shift
    if said=$("$@" 2>&1 >/dev/null); then
        echo "it succeeded"
        return 1
    fi
    echo "$said"
    [[ $(wc -l <<<"$said") == 1 && $said == *"$text"* ]]
}

# retry COMMAND...: until it succeeds, for half a minute.
retry() {
    local end=$((SECONDS + 30))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

state_of_machine() {
    ip -oneline link | awk -F ': ' '{ print $2 }'
    awk '{ print $5 }' /proc/self/mountinfo | sort
    iptables-save | grep -E '^-A' || true
    ls -d /var/lib/kubelet /var/lib/cni /var/log/containers /var/log/pods /run/containerd 2>/dev/null || true
}

# Whatever names our folder among its arguments, this script's own children aside.
processes_of_cluster() { pgrep --full --list-full -- "$TARS_CLUSTER_DIR/" || true; }

up() { "$here/up.sh"; }
down() { "$here/down.sh"; }

faster_than() {
    local limit=$1 start=$SECONDS
    shift
    "$@" && ((SECONDS - start <= limit))
}

pod_sees() {
    # shellcheck disable=SC2086
    kubectl exec web-0 -- /probe $1 | tee -a "$output" | grep -q -F -e "$2"
}

end() {
    local pid
    pid=$(cut -d' ' -f1 "$TARS_CLUSTER_DIR/run/$1.pid")
    kill -KILL "$pid"
    tail --pid="$pid" --follow /dev/null
}

repaired() {
    end "$1"
    up && retry kubectl exec web-0 -- /probe resolve web
}

# The scheduler's port, taken by a program of ours.
with_taken_port() {
    local listener status=0
    "$ROOT/target/images/programs/probe" serve 127.0.0.1:10259 >/dev/null 2>&1 &
    listener=$!
    retry bash -c ': </dev/tcp/127.0.0.1/10259' 2>/dev/null
    refuses "port 10259" up || status=$?
    kill "$listener"
    return "$status"
}

trap '"$here/down.sh" >/dev/null 2>&1 || true; rm -rf "$TARS_CLUSTER_DIR" "$data_root" "$output"' EXIT

before=$(state_of_machine)

touch "$TARS_CLUSTER_DIR/precious"
check "a folder with other things in it is refused" refuses "is not empty" up
rm "$TARS_CLUSTER_DIR/precious"
check "the cluster starts" up
eval "$("$here/env.sh")"
check "a second start takes a moment only" faster_than 4 up
check "images are loaded" "$here/load-images.sh" "$ROOT/target/images/probe.tar"
# What the inner shells expand.
# shellcheck disable=SC2016
check "images for another cluster need a command" env KUBECONFIG=/dev/null bash -c \
    '! "$0" "$1" 2>/dev/null && TARS_IMAGE_LOAD="test -r" "$0" "$1"' "$here/load-images.sh" "$ROOT/target/images/probe.tar"

mkdir "$TARS_CLUSTER_DIR/volume"
sed "s#VOLUME#$TARS_CLUSTER_DIR/volume#" "$here/test.yaml" | kubectl apply --filename - >/dev/null
check "a pod with a local volume gets ready" kubectl rollout status statefulset/web --timeout 60s
check "a pod resolves a Service" retry pod_sees "resolve web.default.svc.cluster.local" "10.96."
check "a pod resolves a pod of a headless Service" retry pod_sees "resolve web-0.web-headless" "10.244."
check "a pod reaches a Service, itself behind it" retry pod_sees "get http://web/" "web-0"
check "a pod reaches the API server" pod_sees "get https://kubernetes.default.svc/version" '"v1.'
check "logs are there" bash -c 'kubectl logs web-0 | grep -q "serving on"'
# shellcheck disable=SC2016
check "a port can be forwarded" bash -c '
    coproc kubectl port-forward web-0 18080:8080
    read -r -t 10 <&"${COPROC[0]}"
    curl --silent --fail http://127.0.0.1:18080/ | grep -x web-0
    result=$?; kill "$COPROC_PID"; exit "$result"'
check "simulated nodes get ready" env KWOK_NODES=3 "$here/up.sh"

for program in kube-scheduler etcd containerd kubelet coredns kube-apiserver; do
    check "a cluster whose $program died is repaired" repaired "$program"
done

# What pods would leave on the node.
mkdir -p "$TARS_NODE_DATA/host-mount/default/volume"
touch "$TARS_NODE_DATA/host-mount/default/volume/file"

restarted() {
    # The machine was another one then, as far as the cluster knows.
    echo another >"$TARS_CLUSTER_DIR/boot"
    up && [[ -z $(kubectl get statefulset --output name) ]]
}
check "after a restart of the machine it starts afresh" restarted
check "its pods' data, and the folders above that were missing, went with it" test ! -e "$data_root/app"

check "the cluster ends" down
check "no process is left" test -z "$(processes_of_cluster)"
check "no interface, mount, rule or folder is left" test -z "$(comm -13 <(sort <<<"$before") <(state_of_machine | sort))"
check "the cluster's folder is gone" test ! -e "$TARS_CLUSTER_DIR"
check "ending it again does no harm" down

mkdir -p "$TARS_CLUSTER_DIR" "$TARS_NODE_DATA"
touch "$TARS_NODE_DATA/precious"
check "another user than root is refused" refuses "as root" setpriv --reuid 65534 --clear-groups "$here/up.sh"
check "a taken port is refused, with its owner" with_taken_port
check "what such a start left is removed" down
check "data that was there before a start stays" test -e "$TARS_NODE_DATA/precious"

echo "$passed passed, $failed failed"
((failed == 0))
