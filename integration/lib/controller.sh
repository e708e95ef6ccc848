# shellcheck shell=bash
# The controller of the chart, which benchmarks do without. Other scripts source this file after common.sh.

# without_controller COMMAND…: runs COMMAND while no controller runs. The controllers come back when the script ends.
without_controller() {
    local workload=deployment/tars-controller-manger replicas
    replicas=$(kubectl get -n tars-system "$workload" -o 'jsonpath={.spec.replicas}')
    # shellcheck disable=SC2064 # the number is that of now
    trap "kubectl scale -n tars-system $workload --replicas $replicas" EXIT
    kubectl scale -n tars-system "$workload" --replicas 0
    kubectl wait -n tars-system pods -l tars.io/Controller=true --for=delete --timeout=60s
    "$@"
}
