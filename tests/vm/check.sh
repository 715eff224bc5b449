#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# check.sh [VERSION...] - the suites in the kernels of the distribution
#
# From the build directory. VERSION is 5.10, 6.1, 6.12, or `host` for the kernel
# that runs here (as root). Prints a table, kernel by suite, and a last line
# that counts; what went wrong stands above. Exits with 1 when anything differs
# or does not boot, else with 77 when a kernel that was asked for could not be
# had.
#
# A machine is emulated, so neither KVM nor root is needed to boot it: a minute
# and a half of one processor. On a busy host that may take many minutes, so a
# machine is given up when its console is silent for SKPOL_VM_SILENCE seconds,
# or after SKPOL_VM_SECONDS in all.
set -eu

here=$(realpath "$(dirname "$0")")
suites='examples firewall hardened random cycle live'
limit=${SKPOL_VM_SECONDS:-1500}
silence=${SKPOL_VM_SILENCE:-240}

# watch PID FILE: waits for PID, which writes FILE, or ends it
watch() {
	begun=$(date +%s)
	while kill -0 "$1" 2>/dev/null; do
		now=$(date +%s)
		if [ $((now - begun)) -gt "$limit" ] ||
			[ $((now - $(stat -c %Y "$2"))) -gt "$silence" ]; then
			kill -9 "$1"
		fi
		sleep 1
	done
	wait "$1" 2>/dev/null || :
}

# boot VERSION: the console's lines into vm/VERSION.log
boot() {
	: >"vm/$1.raw"
	qemu-system-x86_64 -accel tcg,thread=multi -cpu max \
		-smp 2 -m 1024 -nodefaults -display none -no-reboot \
		-serial stdio -kernel "vm/vmlinuz-$1" -initrd "vm/$1.cpio.gz" \
		-append 'console=ttyS0 quiet panic=-1' </dev/null \
		>"vm/$1.raw" 2>&1 &
	watch $! "vm/$1.raw"
	tr -d '\r' <"vm/$1.raw" >"vm/$1.log"
	rm "vm/$1.raw"
}

# The tree of an image becomes the root of a namespace of this kernel.
run_here() {
	root=$(mktemp -d)
	gzip -dc vm/host.cpio.gz | (cd "$root" && cpio -id --quiet)
	# shellcheck disable=SC2016 # for the inner shell
	unshare -m -n sh -c '
		mount --bind "$1" "$1"	# its root is to be a mount
		mount -t proc proc "$1/proc"
		mount -t sysfs sys "$1/sys"
		mount -t bpf bpf "$1/sys/fs/bpf"
		mount --bind /dev "$1/dev"
		mount -t tmpfs tmp "$1/tmp"
		chroot "$1" /bin/busybox --install -s /bin
		ln -sf /usr/bin/sh "$1/bin/sh"
		ip link set lo up
		exec chroot "$1" env -i PATH=/usr/bin:/bin /bin/sh /suites
		' sh "$root" >vm/host.log 2>&1 || :
	rm -rf "$root"
}

# try VERSION: runs it; why not, with status 77, when it cannot be had
try() {
	if [ "$1" = host ]; then
		[ "$(id -u)" = 0 ] || { echo "it needs root"; return 77; }
		"$here/image.sh" "$(target_here)" vm/host.cpio.gz
		run_here
		return
	fi
	"$here/kernel.sh" "$1" "vm/vmlinuz-$1" || return
	"$here/image.sh" "$1" "vm/$1.cpio.gz" "vm/vmlinuz-$1.modules"
	boot "$1"
}

# The newest version that skpolc knows and this kernel is not older than.
target_here() {
	for v in 5.10 5.17 6.1 6.12 6.18; do
		[ "$(printf '%s\n' "$v" "$(uname -r)" | sort -V |
			head -n 1)" != "$v" ] || newest=$v
	done
	echo "$newest"
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

# booted VERSION: whether it was that kernel
booted() {
	said=$(cell "vm/$1.log" kernel)
	case $1,$said in
	host,* | "$1",FAIL*) ;;
	"$1,$1".* | "$1,$1"-*) ;;
	*) echo "FAIL: that is $said" ;;
	esac
}

# row VERSION SECONDS
row() {
	log=vm/$1.log
	line=$(printf '%-6s' "$1")
	good=yes
	for s in $suites; do
		c=$(cell "$log" "$s")
		case $c in FAIL*) good=no ;; esac
		line="$line $(printf '%-25s' "$c")"
	done
	wrong=$(booted "$1")
	[ -z "$wrong" ] || good=no
	if ! grep -q '^RESULT end' "$log"; then
		good=no
		echo "$1: the machine's last words:"
		tail -n 20 "$log"
	fi
	grep -v -e '^RESULT' -e '^RUN' "$log" | grep -A 12 '^FAIL' || :
	grep '^SKIP' "$log" | sed "s/^/$1: /" || :
	[ "$good" = yes ] && ran=$((ran + 1)) || failed=$((failed + 1))
	table="$table
$line ${2} s  $(cell "$log" kernel)$wrong"
}

[ $# != 0 ] || set -- 5.10 6.1 6.12 host
mkdir -p vm
ran=0 failed=0 missing=0
# shellcheck disable=SC2086 # one word for each column
table=$(printf '%-6s' kernel; printf ' %-25s' $suites)
for v in "$@"; do
	begun=$(date +%s)
	status=0
	why=$(try "$v") || status=$?
	case $status in
	0) row "$v" $(($(date +%s) - begun)) ;;
	77)
		missing=$((missing + 1))
		table="$table
$(printf '%-6s' "$v") SKIP: $why"
		;;
	*)
		failed=$((failed + 1))
		table="$table
$(printf '%-6s' "$v") FAIL: $why"
		;;
	esac
done
printf '%s\n' "$table"
printf 'kernels: %s good, %s failed, %s skipped\n' "$ran" "$failed" "$missing"
[ "$failed" = 0 ] || exit 1
[ "$missing" = 0 ] || exit 77
