#!/usr/bin/env bash
# Unpacks Debian's Redis into a folder, without installing or starting anything.
set -euo pipefail
target=$1
command -v apt-get > /dev/null || {
  echo "This needs apt-get. With a Redis >= 7.0 of your own: python -m pytest --server=/path/to/redis-server" >&2
  exit 1
}
mkdir -p "$target/packages"
cd "$target"
packages="redis-tools liblzf1 libjemalloc2 libatomic1"
fetch() { (cd packages && apt-get download -qq $packages > /dev/null); }
fetch || { apt-get update -qq && fetch; } || { echo "Debian's packages cannot be downloaded: $packages" >&2; exit 1; }
for package in packages/*.deb; do dpkg -x "$package" .; done
# The package has one binary that looks at the name it is called by.
cat > redis-server << 'WRAPPER'
#!/usr/bin/env bash
here=$(cd "$(dirname "$0")" && pwd)
export LD_LIBRARY_PATH="$here/usr/lib/x86_64-linux-gnu:$here/usr/lib/aarch64-linux-gnu"
exec -a redis-server "$here/usr/bin/redis-check-rdb" "$@"
WRAPPER
chmod +x redis-server
./redis-server --version
