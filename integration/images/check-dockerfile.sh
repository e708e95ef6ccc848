#!/usr/bin/env bash
# Builds the images from Dockerfile with a container engine, and prints how they differ from those that build.sh packs.
#
#   integration/images/check-dockerfile.sh [COMPONENT...]                pulls the base images; the built images stay in the engine
#                                                                        as localhost/tars-check/COMPONENT
#   integration/images/check-dockerfile.sh --stand-ins [COMPONENT...]    pulls nothing: buildah, as root on Debian, makes the base
#                                                                        images from packages of Debian and from the installed Rust
#                                                                        and Go; everything is removed at the end
#
#   ENGINE   docker, podman or buildah   (the first of them that is installed)
# shellcheck source=integration/lib/common.sh
source "$(dirname "$0")/../lib/common.sh"
usage "$@"

stand_ins=''
if [[ ${1:-} == --stand-ins ]]; then
    stand_ins=yes ENGINE=buildah
    shift
    for program in debootstrap rustc go; do
        need "$program" 'the base images are made with it'
    done
fi
for engine in ${ENGINE:-docker podman buildah} ''; do
    ! command -v "$engine" >/dev/null || break
done
[[ -n $engine ]] || fail "the images are built with ${ENGINE:-docker, podman or buildah}, which is not installed"

mkdir -p "$TARS_CACHE"
work=$(mktemp -d "$TARS_CACHE/check-dockerfile.XXXXXX")
clean_up() {
    if [[ -n $stand_ins ]]; then
        # An interrupted build leaves mounts, without whose end the folder could not be removed.
        run_engine rm --all >/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT

# The stand-ins, and the images that are built on them, are stored apart from the real images.
run_engine() {
    if [[ -n $stand_ins ]]; then
        TMPDIR=$work/tmp BUILDAH_ISOLATION=chroot buildah --root "$work/root" --runroot "$work/run" "$@"
    else
        "$engine" "$@"
    fi
}

# Starts a container from the stand-in of Debian, with the packages that the official images of both compilers contain and that this
# check needs. Prints the name of the container.
start_compiler_container() {
    local container
    container=$(run_engine from --pull-never debian:bookworm-slim)
    run_engine run "$container" sh -c 'apt-get update && apt-get install --yes --no-install-recommends ca-certificates gcc libc6-dev' >&2
    if [[ -d /usr/local/share/ca-certificates ]]; then
        run_engine add --quiet "$container" /usr/local/share/ca-certificates /usr/local/share/ca-certificates >/dev/null
        run_engine run "$container" update-ca-certificates >&2
    fi
    echo "$container"
}

make_stand_ins() {
    local container folder path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    mkdir "$work/tmp"
    debootstrap --variant=minbase bookworm "$work/debian" >&2
    container=$(run_engine from scratch)
    run_engine add --quiet "$container" "$work/debian" / >/dev/null
    run_engine config --env PATH=$path "$container"
    run_engine commit --quiet --rm "$container" docker.io/library/debian:bookworm-slim >/dev/null

    container=$(start_compiler_container)
    folder=$(run_engine mount "$container")/usr/local
    mkdir -p "$folder/rustup" "$folder/cargo"
    (cd "$ROOT" && tar -C "$(rustc --print sysroot)" --exclude=./share -c .) | tar -C "$folder/rustup" -x
    cp "${CARGO_HOME:-$HOME/.cargo}"/config.toml "$folder/cargo/" 2>/dev/null || true
    run_engine config --env CARGO_HOME=/usr/local/cargo --env PATH=/usr/local/rustup/bin:$path "$container"
    run_engine commit --quiet --rm "$container" docker.io/library/rust:1.95-bookworm >/dev/null

    container=$(start_compiler_container)
    folder=$(run_engine mount "$container")/usr/local
    cp -a "$(go env GOROOT)" "$folder/go"
    run_engine config --env GOPATH=/go --env "GOPROXY=$(go env GOPROXY)" --env "GONOSUMDB=$(go env GONOSUMDB)" \
        --env PATH=/usr/local/go/bin:$path --workingdir /go "$container"
    run_engine commit --quiet --rm "$container" docker.io/library/golang:1.26-bookworm >/dev/null
}

cd "$ROOT"
listed=$(integration/images/build.sh list | grep -v 'on request')
version=${listed##*:}
revision=$(git rev-parse HEAD)
[[ -z $(git status --porcelain --untracked-files=no) ]] || revision+=-dirty
if (($# == 0)); then
    mapfile -t components < <(awk '{ print $1 }' <<<"$listed")
    set -- "${components[@]}"
fi

options=(--platform linux/amd64 --file integration/images/Dockerfile --build-arg "VERSION=$version" --build-arg "REVISION=$revision")
if [[ -n $stand_ins ]]; then
    make_stand_ins
    options+=(--pull-never)
fi
# With layers, each program is compiled once and not once for each image. Docker and Podman keep layers by default.
[[ $engine != buildah ]] || options+=(--layers)
mkdir "$work/images"
for component; do
    image=localhost/tars-check/$component
    run_engine build "${options[@]}" --target "$component" --tag "$image" .
    if [[ $engine == buildah ]]; then
        run_engine push --quiet "$image" "docker-archive:$work/images/$component.tar:$image"
    else
        run_engine save --output "$work/images/$component.tar" "$image"
    fi
done
integration/images/build.sh compare "$work/images" "$@"
