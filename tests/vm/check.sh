#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# check.sh [VERSION...] - the suites in the kernels of the distribution
#
# From the build directory. Prints a table, kernel by suite; what went wrong
# stands above it. Exits with 1 when anything differs, 77 when no kernel could
# be had. A machine is emulated, so neither KVM nor root is needed to boot it.
set -eu

here=$(realpath "$(dirname "$0")")
suites='examples random cycle live'
limit=${SKPOL_VM_SECONDS:-300}

# boot VERSION: the console's lines into vm/VERSION.log
boot() {
	timeout "$limit" qemu-system-x86_64 -accel tcg,thread=multi -cpu max \
		-smp 2 -m 1024 -nodefaults -display none -no-reboot \
		-serial stdio -kernel "vm/vmlinuz-$1" -initrd "vm/$1.cpio.gz" \
		-append 'console=ttyS0 quiet panic=-1' </dev/null \
		>"vm/$1.raw" 2>&1 || :
	tr -d '\r' <"vm/$1.raw" >"vm/$1.log"
	rm "vm/$1.raw"
}

# cell LOG SUITE
cell() {
	said=$(sed -n "s/^RESULT $2 //p" "$1")
	case $said in
	'ok '*) echo "${said#ok }" ;;
	'') echo 'FAIL: it did not finish' ;;
	*) echo "FAIL: ${said#bad }" ;;
	esac
}

row() {
	log=vm/$1.log
	line=$(printf '%-6s' "$1")
	for s in $suites; do
		c=$(cell "$log" "$s")
		case $c in FAIL*) failed=1 ;; esac
		line="$line $(printf '%-18s' "$c")"
	done
	if ! grep -q '^RESULT end' "$log"; then
		failed=1
		echo "$1: the machine's last words:"
		tail -n 20 "$log"
	fi
	grep -v '^RESULT' "$log" | grep -A 12 '^FAIL' || :
	table="$table
$line ${2} s"
}

[ $# != 0 ] || set -- 5.10 6.1 6.12
mkdir -p vm
failed=0
ran=0
# shellcheck disable=SC2086 # one word for each column
table=$(printf '%-6s' kernel; printf ' %-18s' $suites)
for v in "$@"; do
	if ! why=$("$here/kernel.sh" "$v" "vm/vmlinuz-$v"); then
		table="$table
$(printf '%-6s' "$v") SKIP: $why"
		continue
	fi
	"$here/image.sh" "$v" "vm/$v.cpio.gz"
	begun=$(date +%s)
	boot "$v"
	ran=$((ran + 1))
	row "$v" $(($(date +%s) - begun))
done
printf '%s\n' "$table"
[ "$failed" = 0 ] || exit 1
[ "$ran" != 0 ] || exit 77
