# shellcheck shell=bash disable=SC2154
# Programs in the background, each known by a file with its process id and the moment it started: an id alone may have been
# given to somebody else's process since, and this cluster never ends a process it didn't start.

# started_at PID: clock ticks after boot, the 22nd field of stat; the second, the name, may hold spaces and brackets.
started_at() {
    local stat
    stat=$(cat "/proc/$1/stat" 2>/dev/null) || return 1
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    # A process that ended but was not waited for yet is as good as gone.
    [[ $1 != Z ]] || return 1
    printf '%s' "${20}"
}

# running NAME: succeeds, and sets `pid`, when the program is alive.
running() {
    local since
    [[ -s $run/$1.pid ]] || return 1
    read -r pid since <"$run/$1.pid"
    [[ $(started_at "$pid") == "$since" ]]
}

# launch NAME COMMAND...: starts a program unless it is running.
launch() {
    local name=$1 started
    shift
    running "$name" && return 0
    printf '\n--- %s: %s\n' "$(date --iso-8601=seconds)" "$*" >>"$logs/$name.log"
    # A session of its own: an interrupt in the terminal, or its end, is not the cluster's end. No descriptor is handed on: not
    # our lock, and no pipe whose reader would wait for the cluster's end.
    setsid "$@" >>"$logs/$name.log" 2>&1 </dev/null 3>&- 4>&- 5>&- 6>&- 7>&- 8>&- 9>&- &
    started=$!
    printf '%s %s\n' "$started" "$(started_at "$started")" >"$run/$name.pid"
}

# halt NAME [SECONDS]: ends a program, with force when it takes longer than SECONDS.
halt() {
    local name=$1 limit=${2:-10} start=$SECONDS
    if running "$name"; then
        kill -TERM "$pid" 2>/dev/null || true
        while running "$name"; do
            if ((SECONDS - start >= limit)); then
                kill -KILL "$pid" 2>/dev/null || true
                limit=$((limit + 5))
            fi
            sleep 0.05
        done
    fi
    rm -f "$run/$name.pid"
}
