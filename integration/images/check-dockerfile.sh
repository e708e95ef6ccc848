#!/usr/bin/env bash
# Builds the images from Dockerfile with a container engine and tells how they differ from those that build.sh packs.
#   integration/images/check-dockerfile.sh [--stand-ins] [COMPONENT...]
#
# ENGINE is docker, podman or buildah; unset, the first of them that is installed. With --stand-ins nothing is pulled: buildah, as
# root on Debian, makes the base images of Debian's packages and of the Rust and Go that are installed, and all is removed after it.
# Otherwise the images stay in the engine as localhost/tars-check/COMPONENT.
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
[[ -n $engine ]] || fail "${ENGINE:-any of docker, podman and buildah} is not installed; the images are built with it"

mkdir -p "$TARS_CACHE"
work=$(mktemp -d "$TARS_CACHE/check-dockerfile.XXXXXX")
clean_up() {
    if [[ -n $stand_ins ]]; then
        # Unmounts what a build that was broken off left; without it nothing could be removed.
        run rm --all >/dev/null || true
    fi
    rm -rf "$work"
}
trap clean_up EXIT

# Stand-ins stay apart from the real images, and so does what is built on them.
run() {
    if [[ -n $stand_ins ]]; then
        TMPDIR=$work/tmp BUILDAH_ISOLATION=chroot buildah --root "$work/root" --runroot "$work/run" "$@"
    else
        "$engine" "$@"
    fi
}

# Starts a container from Debian's stand-in, with what the official images of both compilers have and this check needs.
with_compiler() {
    local container
    container=$(run from --pull-never debian:bookworm-slim)
    run run "$container" sh -c 'apt-get update && apt-get install --yes --no-install-recommends ca-certificates gcc libc6-dev' >&2
    if [[ -d /usr/local/share/ca-certificates ]]; then
        run add --quiet "$container" /usr/local/share/ca-certificates /usr/local/share/ca-certificates >/dev/null
        run run "$container" update-ca-certificates >&2
    fi
    echo "$container"
}

make_stand_ins() {
    local container folder path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
    mkdir "$work/tmp"
    debootstrap --variant=minbase bookworm "$work/debian" >&2
    container=$(run from scratch)
    run add --quiet "$container" "$work/debian" / >/dev/null
    run config --env PATH=$path "$container"
    run commit --quiet --rm "$container" docker.io/library/debian:bookworm-slim >/dev/null

    container=$(with_compiler)
    folder=$(run mount "$container")/usr/local
    mkdir -p "$folder/rustup" "$folder/cargo"
    (cd "$ROOT" && tar -C "$(rustc --print sysroot)" --exclude=./share -c .) | tar -C "$folder/rustup" -x
    cp "${CARGO_HOME:-$HOME/.cargo}"/config.toml "$folder/cargo/" 2>/dev/null || true
    run config --env CARGO_HOME=/usr/local/cargo --env PATH=/usr/local/rustup/bin:$path "$container"
    run commit --quiet --rm "$container" docker.io/library/rust:1.95-bookworm >/dev/null

    container=$(with_compiler)
    folder=$(run mount "$container")/usr/local
    cp -a "$(go env GOROOT)" "$folder/go"
    run config --env GOPATH=/go --env "GOPROXY=$(go env GOPROXY)" --env "GONOSUMDB=$(go env GONOSUMDB)" \
        --env PATH=/usr/local/go/bin:$path --workingdir /go "$container"
    run commit --quiet --rm "$container" docker.io/library/golang:1.26-bookworm >/dev/null
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
# Each of the programs is compiled once, not once per image: docker and podman keep layers unless told otherwise.
[[ $engine != buildah ]] || options+=(--layers)
mkdir "$work/images"
for component; do
    image=localhost/tars-check/$component
    run build "${options[@]}" --target "$component" --tag "$image" .
    if [[ $engine == buildah ]]; then
        run push --quiet "$image" "docker-archive:$work/images/$component.tar:$image"
    else
        run save --output "$work/images/$component.tar" "$image"
    fi
done
integration/images/build.sh compare "$work/images" "$@"
