# shellcheck shell=bash
# What is in each image: the one table from which `build.sh` packs and which the Dockerfile follows.
#
#   component  image              build       package         program in the image
COMPONENTS='
   tarscontroller tarscontroller     rust        tarscontroller  /usr/local/app/tars/tarscontroller/bin/tarscontroller
   tarswebhook    tarswebhook        rust        tarswebhook     /usr/local/app/tars/tarswebhook/bin/tarswebhook
   tarsagent      tarsagent          rust        tarsagent       /usr/local/app/tars/tarsagent/bin/tarsagent
   tarsregistry   tars.tarsregistry  rust        tarsregistry    /usr/local/app/tars/tarsregistry/bin/tarsregistry
   tarsnode       tars.tarsnode      rust        tarsnode        /tarsnode/bin/tarsnode
   echo-rust      tars.echo-rust     rust        echo-server     /usr/local/server/bin/EchoRust
   echo-go        tars.echo-go       go          examples/echo-go        /usr/local/server/bin/EchoGo
   client-go      tars.client-go     go          integration/clients/go  /usr/local/bin/tars-client
   pause          pause              go          integration/images/pause  /pause
'

TITLES_tarscontroller='Reconciles the k8s.tars.io resources'
TITLES_tarswebhook='Defaults, refuses and converts the k8s.tars.io resources'
TITLES_tarsagent='Provisions local volumes on a node'
TITLES_tarsregistry='The name service of a Tars framework'
TITLES_tarsnode='The process beside each Tars server in its pod'
TITLES_echo_rust='An echo server in Rust on crates/tars'
TITLES_echo_go='An echo server in Go on TarsGo'
TITLES_client_go='A TarsGo client that knows only the locator'
TITLES_pause='Holds the namespaces of a pod'

# extras COMPONENT PROGRAM: the flags of `pack` beyond the program itself, one word a line.
extras() {
    case $1 in
        tarsnode)
            printf '%s\n' --entrypoint "$2" --entrypoint install ;;
        echo-*)
            # tarsnode, which the init container lays out, starts the program; see services/node.
            printf '%s\n' --entrypoint /usr/local/app/tars/tarsnode/bin/tarsnode --entrypoint start \
                --directory /usr/local/app/tars/app_log --env "ServerType=$([ "$1" = echo-go ] && echo go || echo cpp)" ;;
        tarsagent)
            # It gives directories of the node to the users that servers run as.
            printf '%s\n' --entrypoint "$2" --user 0:0 ;;
        *)
            printf '%s\n' --entrypoint "$2" ;;
    esac
}
