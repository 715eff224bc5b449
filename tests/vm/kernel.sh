#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# kernel.sh VERSION FILE - the distribution's kernel of that version, as FILE
#
# In FILE.modules are those modules of it that the scenarios need, in the order
# in which they are to be loaded.
#
# Debian only: the mirror is the one that apt is set up with; the package lists
# are read into a folder of their own, so the machine's stay as they were. Why
# a kernel cannot be had is the only line on stdout then; the status is 77.
set -eu

skip() {
	echo "$*"
	exit 77
}

# mirror PATTERN: the first archive in apt's own sources that looks like it
mirror() {
	# shellcheck disable=SC2016 # apt's own variable
	apt-get indextargets --format '$(REPO_URI)' \
		'Created-By: Packages' 'Origin: Debian' |
		grep -m 1 -e "$1" || :
}

apt() {
	tool=$1
	shift
	"$tool" -o Dir::State="$work/state" -o Dir::Cache="$work/cache" \
		-o Dir::State::status=/dev/null \
		-o Dir::Etc::SourceList="$work/list" \
		-o Dir::Etc::SourceParts=/dev/null \
		-o APT::Architecture=amd64 -o APT::Architectures=amd64 \
		-o Acquire::Languages=none -o APT::Sandbox::User=root \
		-o APT::Get::List-Cleanup=false "$@"
}

sources() {
	keys=/usr/share/keyrings/debian-archive-keyring.gpg
	main=$(mirror '/debian/$')
	security=$(mirror 'security')
	[ -n "$main$security" ] || skip 'apt has no Debian archive'
	[ -z "$main" ] || echo "deb [signed-by=$keys] $main $1 main"
	[ -z "$security" ] ||
		echo "deb [signed-by=$keys] $security $1-security main"
}

versions() {
	apt apt-cache madison "$1" | awk '{ print $3 }'
}

get() {
	(cd "$work/files" && apt apt-get -qq download "$1" \
		>"$work/log" 2>&1)
}

# Later kernels have their modules compressed.
modules() {
	rm -rf "$file.modules"
	mkdir -p "$file.modules"
	n=0
	for m in inet_diag tcp_diag udp_diag veth; do
		found=$(find "$work" -name "$m.ko*")
		n=$((n + 1))
		case $found in
		*.xz) xz -dc "$found" ;;
		*.ko) cat "$found" ;;
		*) continue ;;
		esac >"$file.modules/$n-$m.ko"
	done
}

version=$1
file=$2
[ ! -s "$file" ] || [ ! -d "$file.modules" ] || exit 0
command -v apt-get >/dev/null || skip 'no apt here'
case $version in
5.10) suite=bullseye ;;
6.1) suite=bookworm ;;
6.12) suite=trixie ;;
*) skip "no suite is known to have $version" ;;
esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/state/lists/partial" "$work/cache/archives/partial" \
	"$work/files"
sources "$suite" >"$work/said"
grep -q '^deb' "$work/said" ||
	skip "$(cat "$work/said")"
mv "$work/said" "$work/list"
apt apt-get -qq update >"$work/log" 2>&1 || :
dots=$(echo "$version" | sed 's/\./\\./')	# 6.1 is not 6.12
names=$(apt apt-cache pkgnames linux-image- 2>>"$work/log" |
	grep -e "^linux-image-$dots\.[.0-9]*[-+].*cloud-amd64-unsigned$" |
	sort -Vr)
[ -n "$names" ] ||
	skip "$suite: no package of $version: $(tail -n 1 "$work/log")"
# A list may name what the mirror holds no longer: the newest that it does.
for name in $names; do
	for release in $(versions "$name"); do
		! get "$name=$release" || break 2
	done
done
ls "$work"/files/*.deb >/dev/null 2>&1 ||
	skip "$suite: $(tail -n 1 "$work/log")"
dpkg-deb --fsys-tarfile "$work"/files/*.deb |
	tar -x -C "$work" --wildcards './boot/vmlinuz-*' '*/net/veth.ko*' \
		'*/net/ipv4/*_diag.ko*'
modules
mkdir -p "$(dirname "$file")"
mv "$work"/boot/vmlinuz-* "$file"
