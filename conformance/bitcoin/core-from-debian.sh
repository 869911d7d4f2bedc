#!/bin/sh
# Bitcoin Core's code as Debian has it, Bitcoin Knots, put into a folder with all that it is linked to, so that it runs on whatever
# release this is; installs nothing. Takes `apt-get` and Debian's keys, no root, half a minute and 120 MB.
#
#     sh core-from-debian.sh FOLDER      # then FOLDER/bin/bitcoind and FOLDER/bin/bitcoin-cli
set -eu
mkdir -p "$1"
folder=$(cd "$1" && pwd)
apt=$folder/apt
root=$folder/root
rm -rf "$apt" "$root" "$folder/bin"
mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$root" "$folder/bin"
# Nothing is installed there, so that all that is needed is fetched.
: > "$apt/status"
echo 'deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian sid main' > "$apt/sources.list"

fetch() {
    apt-get -qq -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o Dir::Etc::Preferences=/dev/null -o Dir::Etc::PreferencesParts=/dev/null \
        -o Dir::State="$apt" -o Dir::State::Lists="$apt/lists" -o Dir::State::status="$apt/status" \
        -o Dir::Cache="$apt" -o Dir::Cache::Archives="$apt/archives" \
        -o APT::Install-Recommends=false -o APT::Sandbox::User="$(id -un)" "$@"
}
fetch update
fetch install -y --download-only bitcoin-knots
for package in "$apt"/archives/*.deb; do dpkg-deb -x "$package" "$root"; done
rm -rf "$apt"

# With the loader and the libraries that came with it, since those of this machine may be older.
loader=$(find "$root" -name 'ld-linux-*.so.*' | head -n 1)
libraries=$(dirname "$(find "$root" -name 'libstdc++.so.6' | head -n 1)")
for program in bitcoind bitcoin-cli; do
    printf '#!/bin/sh\nexec "%s" --library-path "%s" "%s" "$@"\n' \
        "$loader" "$libraries:$(dirname "$loader")" "$root/usr/bin/$program" > "$folder/bin/$program"
    chmod +x "$folder/bin/$program"
done
"$folder/bin/bitcoind" -version | head -n 1
