#!/usr/bin/env bash
# Tests the life of the local cluster: start, second start, repair, the network as pods see it, end. Nothing may be left behind.
#
# The test runs in name spaces of its own (network, mounts, control groups), so a cluster may be in use at the same time.
# It takes no arguments.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
# shellcheck source=integration/lib/common.sh
. "$here/../lib/common.sh"
# The script calls itself with arguments.
[[ ${1:-} == inside ]] || no_arguments "$@"
group=tars-cluster-test-$$

# Prints the roots of the control groups: version 1 has one for each controller, version 2 has one in all.
list_hierarchies() {
    if [[ -e /sys/fs/cgroup/cgroup.controllers ]]; then
        echo /sys/fs/cgroup
    else
        find /sys/fs/cgroup -mindepth 1 -maxdepth 1 -type d
    fi
}

# Outside: a control group for all that follows, then the same script again inside the new name spaces.
if [[ ${1:-} != inside ]]; then
    ((EUID == 0)) || fail "this test makes name spaces: run it as root"
    # Inside, no network leads out. So packages and modules are fetched before.
    # shellcheck source=integration/cluster/lib/checks.sh
    . "$here/lib/checks.sh"
    check_programs
    "$ROOT/integration/tools/build.sh"
    "$ROOT/integration/tools/build.sh" kwok
    "$ROOT/integration/images/build.sh" --quiet pause probe
    for hierarchy in $(list_hierarchies); do
        mkdir "$hierarchy/$group"
        if [[ -e $hierarchy/$group/cpuset.cpus ]]; then
            cat "$hierarchy/cpuset.cpus" >"$hierarchy/$group/cpuset.cpus"
            cat "$hierarchy/cpuset.mems" >"$hierarchy/$group/cpuset.mems"
        fi
    done
    scratch=$(mktemp -d /var/lib/tars-test.XXXXXX)
    layers=$(mktemp -d /tmp/tars-test-layers.XXXXXX)
    trap 'rm -rf --one-file-system "$scratch" "$layers"' EXIT
    # After a signal, the script inside ends the cluster. Its folder must stay until then, so this script waits.
    trap true INT TERM
    status=0
    (
        for hierarchy in $(list_hierarchies); do
            echo "$BASHPID" >"$hierarchy/$group/cgroup.procs"
        done
        exec unshare --net --mount --cgroup --uts "$0" inside "$scratch" "$layers"
    ) || status=$?
    for hierarchy in $(list_hierarchies); do
        find "$hierarchy/$group" -depth -type d -exec rmdir {} + 2>/dev/null ||
            { echo "FAILED: processes still run in $hierarchy/$group"; status=1; }
    done
    exit "$status"
fi

mount --make-rprivate /
# The mounts of the control groups still show all groups of the machine. Mounted again, they show only ours.
for hierarchy in $(list_hierarchies); do
    kind=$(findmnt --noheadings --output FSTYPE "$hierarchy")
    options=$(basename "$hierarchy")
    [[ $options != systemd ]] || options=none,name=systemd
    [[ $kind != cgroup2 ]] || options=rw
    umount "$hierarchy"
    mount -t "$kind" -o "$options" "$kind" "$hierarchy"
done
# Our copies of the mounts of a cluster that is in use would keep those mounts alive.
awk -v prefix="$TARS_CLUSTER_DIR/" 'index($5, prefix) == 1 { print $5 }' /proc/self/mountinfo |
    sort --reverse | xargs --no-run-if-empty umount --lazy
ip link set lo up

scratch=$2 layers=$3
export TARS_CLUSTER_DIR=$scratch/cluster
# The data of this cluster must not lie in the folder that a cluster in use has for its data.
export TARS_NODE_DATA=$scratch/data/app/tars
mkdir "$scratch"/{cluster,data}
unset KUBECONFIG
# Some programs keep folders at fixed places, below these four. The test gets a layer of its own over them, so that other programs
# neither disturb it nor are disturbed by it.
mount -t tmpfs tmpfs "$layers"
for folder in /run /usr/libexec /var/lib /var/log; do
    mkdir -p "$layers"/{lower,upper,work}"$folder"
    mount --bind "$folder" "$layers/lower$folder"
    mount -t overlay overlay \
        -o "lowerdir=$layers/lower$folder,upperdir=$layers/upper$folder,workdir=$layers/work$folder" "$folder"
done
# Containers need an ordinary file system below them.
mount --bind "$layers/lower$scratch" "$scratch"
# These files define the names and paths of the cluster, and the pattern of its rules.
# shellcheck source=integration/cluster/lib/common.sh
. "$here/lib/common.sh"
# shellcheck source=integration/cluster/lib/remove.sh
. "$here/lib/remove.sh"
output=$(mktemp)
passed=0 failed=0

# check WHAT COMMAND...: runs one test. When it fails, shows the end of what the command printed.
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

# refuses TEXT COMMAND...: succeeds when the command fails and prints one line that contains TEXT.
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

# prints_nothing COMMAND...: succeeds when the command prints nothing. Otherwise shows what it printed.
prints_nothing() {
    local printed
    printed=$("$@") || return 1
    [[ -z $printed ]] || {
        echo "$printed"
        return 1
    }
}

# retry COMMAND...: runs the command until it succeeds, for half a minute.
retry() {
    local end=$((SECONDS + 30))
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.2
    done
}

# Prints the interfaces, mounts, packet filter rules and folders that the cluster has made and that still exist. It ignores everything
# that other programs make.
list_traces() {
    local family folder path
    # The CNI plug-in "bridge" gives such names, veth and eight digits, to the interfaces of pods.
    ip -oneline link | grep -oE "^[0-9]+: ($bridge|veth[0-9a-f]{8})\b" | sed 's/^[0-9]*:/interface/' || true
    list_mounts_below "$cluster_dir" | sed 's/^/mount /'
    for family in iptables ip6tables; do
        "$family-save" 2>/dev/null | grep -E -e "$cluster_rules" | sed "s/^/$family /" || true
    done
    for folder in "${fixed_folders[@]}"; do
        # A character device marks a file of the machine that was removed here.
        { find "$layers/upper$folder" ! -type c 2>/dev/null || true; } | while read -r path; do
            path=${path#"$layers/upper"}
            # If the machine has the same folder, it belongs to another program.
            [[ -e $layers/lower$path ]] || echo "file or folder $path"
        done
    done
}

# Prints the processes that have the folder of the cluster among their arguments. The children of this script do not have it.
list_processes() { pgrep --full --list-full -- "$TARS_CLUSTER_DIR/" || true; }

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

# kill_program NAME: ends a program of the cluster as a crash would, and waits for its end.
kill_program() {
    local pid
    pid=$(cut -d' ' -f1 "$TARS_CLUSTER_DIR/run/$1.pid")
    kill -KILL "$pid"
    tail --pid="$pid" --follow /dev/null
}

repaired() {
    kill_program "$1"
    up && retry kubectl exec web-0 -- /probe resolve web
}

# Succeeds when the cluster refuses to start while a program of ours listens at the scheduler's port.
refuses_taken_port() {
    local listener status=0
    "$ROOT/target/images/programs/probe" serve 127.0.0.1:10259 >/dev/null 2>&1 &
    listener=$!
    retry bash -c ': </dev/tcp/127.0.0.1/10259' 2>/dev/null
    refuses "port 10259" up || status=$?
    kill "$listener"
    return "$status"
}

trap '"$here/down.sh" >/dev/null 2>&1 || true; rm -f "$output"' EXIT

touch "$TARS_CLUSTER_DIR/precious"
check "a folder with other things in it is refused" refuses "is not empty" up
rm "$TARS_CLUSTER_DIR/precious"
check "the cluster starts" up
eval "$("$here/env.sh")"
check "a second start takes a moment only" faster_than 4 up
check "images are loaded" "$here/load-images.sh" "$ROOT/target/images/probe.tar"
# The inner shells expand their own arguments.
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

# Data such as pods leave on the node.
mkdir -p "$TARS_NODE_DATA/host-mount/default/volume"
touch "$TARS_NODE_DATA/host-mount/default/volume/file"

# Succeeds when a start after a restart of the machine finds no object of before. Only the cluster believes in that restart.
starts_afresh() {
    echo another >"$TARS_CLUSTER_DIR/boot"
    up && [[ -z $(kubectl get statefulset --output name) ]]
}
check "after a restart of the machine it starts afresh" starts_afresh
check "its pods' data, and the folders above that it made, went with it" test ! -e "$scratch/data/app"

check "the cluster ends" down
check "no process is left" prints_nothing list_processes
check "no interface, mount, rule or folder is left" prints_nothing list_traces
check "the cluster's folder is gone" test ! -e "$TARS_CLUSTER_DIR"
check "ending it again does no harm" down

mkdir -p "$TARS_CLUSTER_DIR" "$TARS_NODE_DATA"
touch "$TARS_NODE_DATA/precious"
check "another user than root is refused" refuses "as root" setpriv --reuid 65534 --clear-groups "$here/up.sh"
check "a taken port is refused, with its owner" refuses_taken_port
check "whatever such a start left is removed" down
check "data that was there before a start stays" test -e "$TARS_NODE_DATA/precious"

echo "$passed passed, $failed failed"
((failed == 0))
