# shellcheck shell=bash disable=SC2034,SC2100
# Names, paths and helpers that all parts of the local cluster use. Other scripts source this file.

# shellcheck source=integration/lib/common.sh
. "$(dirname "${BASH_SOURCE[0]}")/../../lib/common.sh"

cluster_dir=$TARS_CLUSTER_DIR

pki=$cluster_dir/pki           # keys and certificates
config=$cluster_dir/config     # configuration of the programs
logs=$cluster_dir/logs         # one file per program
run=$cluster_dir/run           # one pid file per program
bin=$cluster_dir/bin           # links to the programs, for PATH
mounts=$cluster_dir/node       # files and mounts of containerd and the kubelet
containerd_socket=$mounts/containerd.sock

bridge=tars0
pod_range=10.244.0.0/24
service_range=10.96.0.0/16
# The address of the bridge is also the address of the node. Pods reach the API server, the kubelet and the DNS there. Other machines
# cannot.
node_ip=10.244.0.1
api_ip=10.96.0.1
dns_ip=10.96.0.10
api_port=6443
node=node-0

version=v$(sed -n '/^\[workspace.package\]/,/^\[/ s/^version = "\(.*\)"/\1/p' "$ROOT/Cargo.toml")
pause_image=docker.io/tarsrs/pause:$version

admin=$cluster_dir/admin.kubeconfig
server=https://$node_ip:$api_port

# end_step: prints how long the current step took, if there is one.
end_step() {
    local now
    now=$(date +%s%N)
    if [[ -n ${step_name:-} ]]; then
        printf '%6d.%d s  %s\n' $(((now - step_start) / 1000000000)) $(((now - step_start) / 100000000 % 10)) "$step_name"
    fi
    step_name='' step_start=$now
}

# begin_step TEXT: ends the step before, and notes when this one begins.
begin_step() {
    end_step
    step_name=$1
}

# wait_for SECONDS WHAT PROGRAM COMMAND...: runs COMMAND until it succeeds. Fails after SECONDS, and at once when PROGRAM (a name that
# `launch` got) has ended.
wait_for() {
    local limit=$1 what=$2 program=$3 start=$SECONDS reported=0
    shift 3
    until "$@" >/dev/null 2>&1; do
        if ! is_running "$program"; then
            tail -n 15 "$logs/$program.log" >&2
            fail "$program ended right after its start; the end of its log is above, all of it is in $logs/$program.log"
        fi
        if ((SECONDS - start >= limit)); then
            fail "$what is not ready after $limit s; see $logs/$program.log"
        fi
        if ((SECONDS - start >= reported + 5)); then
            reported=$((SECONDS - start))
            echo "          waiting for $what ($reported s)"
        fi
        sleep 0.1
    done
}

kubectl() { "$bin/kubectl" --kubeconfig "$admin" "$@"; }
ctr() { command ctr --address "$containerd_socket" --namespace k8s.io "$@"; }
