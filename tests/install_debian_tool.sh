# Helpers of the install_*.sh scripts, which source this file: put a tool below .cache, either the machine's own or one
# from Debian packages that are unpacked there. Nothing is installed and no service is started.

fail() {
    echo "triage: $*" >&2
    exit 1
}

# unpack FOLDER NEED PACKAGE...: unpack Debian packages into FOLDER/root. NEED says what to put on PATH instead.
unpack() {
    local folder="$1" need="$2" tool package
    shift 2
    for tool in apt-get dpkg-deb; do
        command -v "$tool" >/dev/null || fail "$need is not on PATH, and $tool, which could download it, is missing."
    done
    echo "    downloading Debian's $1 into $folder"
    # Once an hour is enough for all tools; the lock, because setup may install python3-venv at the same time.
    if [ "$(id -u)" = 0 ] && [ -z "$(find .cache/apt-updated -mmin -60 2>/dev/null)" ]; then
        flock /tmp/triage-apt.lock apt-get update -qq
        touch .cache/apt-updated
    fi
    mkdir -p "$folder/packages"
    (cd "$folder/packages" && apt-get download -qq -o APT::Sandbox::User=root "$@") ||
        fail "$need could not be downloaded: put it on PATH."
    for package in "$folder"/packages/*.deb; do
        dpkg-deb --extract "$package" "$folder/root"
    done
    rm -r "$folder/packages"
}

# provide TARGET CHECK DOWNLOAD: make TARGET a tool that passes CHECK. Exits if it is one already or if the machine
# has one; otherwise returns with an empty folder. A non-empty DOWNLOAD ignores existing tools.
provide() {
    local target="$1" check="$2" download="$3" found
    if [ -z "$download" ] && "$check" "$target"; then
        exit 0
    fi
    rm -rf "$(dirname "$target")"
    mkdir -p "$(dirname "$target")"
    found="$(command -v "$(basename "$target")" || true)"
    if [ -z "$download" ] && [ -n "$found" ] && "$check" "$found"; then
        ln -s "$found" "$target"
        exit 0
    fi
}
