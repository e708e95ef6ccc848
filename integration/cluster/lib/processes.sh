# shellcheck shell=bash disable=SC2154
# Starts and ends programs in the background. A file keeps the process id of each program and the time when it started. The system may
# have given the id alone to another process, and the cluster never ends a process that it did not start.

# print_start_time PID: prints the 22nd field of stat, in clock ticks after boot. The second field, the name, may contain spaces and
# brackets.
print_start_time() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    # A process that has ended, but whose parent has not waited for it yet, counts as ended.
    [[ $1 != Z ]] || return 1
    printf '%s' "${20}"
}

# is_running NAME: succeeds, and sets `pid`, when the program runs.
is_running() {
    local since
    [[ -s $run/$1.pid ]] || return 1
    read -r pid since <"$run/$1.pid"
    [[ $(print_start_time "$pid") == "$since" ]]
}

# launch NAME COMMAND...: starts a program unless it runs.
launch() {
    local name=$1 started
    shift
    is_running "$name" && return 0
    printf '\n--- %s: %s\n' "$(date --iso-8601=seconds)" "$*" >>"$logs/$name.log"
    # The program gets a session of its own, so it survives an interrupt in the terminal and the end of the terminal. It gets no
    # descriptor of ours: neither the lock, nor a pipe whose reader would wait until the cluster ends.
    setsid "$@" >>"$logs/$name.log" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    started=$!
    printf '%s %s\n' "$started" "$(print_start_time "$started")" >"$run/$name.pid"
}

# halt NAME [SECONDS]: ends a program. If it still runs after SECONDS, kills it.
halt() {
    local name=$1 limit=${2:-10} start=$SECONDS
    if is_running "$name"; then
        kill -TERM "$pid" 2>/dev/null || true
        while is_running "$name"; do
            if ((SECONDS - start >= limit)); then
                kill -KILL "$pid" 2>/dev/null || true
                limit=$((limit + 5))
            fi
            sleep 0.05
        done
    fi
    rm -f "$run/$name.pid"
}
