#!/bin/sh
# SPDX-License-Identifier: BSD-2-Clause
#
# ansible - examples/ansible: the first run applies the policy, the second
# changes nothing, and a policy that the host refuses changes nothing either
set -eu

if ! command -v ansible-playbook >/dev/null; then
	echo "SKIP: no ansible-playbook (Debian: ansible-core)"
	exit 77
fi
if [ "$(id -u)" != 0 ]; then
	echo "SKIP: not root"
	exit 77
fi
if [ -z "${PRIVATE:-}" ]; then
	PRIVATE=1 exec unshare -mn "$0"
fi
src=$(realpath "$(dirname "$0")/../..")
PATH=$PWD:$PATH
work=$(mktemp -d)
trap 'umount /etc/skpol 2>/dev/null || :; rm -rf "$work"' EXIT
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
# the playbook's own folders, with nobody else's files in them
mount -t tmpfs none /etc/opt
mkdir /etc/opt/examples /etc/opt/home
cp -r "$src/examples/." /etc/opt/examples
cd /etc/opt/examples/ansible
HOME=/etc/opt/home
ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_NOCOLOR=1
export HOME ANSIBLE_LOCALHOST_WARNING ANSIBLE_NOCOLOR
echo 'localhost ansible_connection=local' >hosts
sed -i 's|/etc/skpol|/etc/opt/skpol|' skpol.yml

# play: what the recap says of the host
play() {
	ansible-playbook -i hosts skpol.yml -e policy=edge >"$work/log" 2>&1 ||
		: # the recap says it
	sed -n 's/^localhost  *: //p' "$work/log"
}

fails() {
	echo "$1"
	cat "$work/log"
	exit 1
}

# the unit is not installed here: a systemd that runs is not asked
sed -i '/At the next boot/,$d' skpol.yml
[ "$(play | grep -o 'changed=[0-9]*')" = changed=3 ] || fails 'first'
skpol status | grep -q '^policy edge-web, generation 1, attached$'
[ "$(play | grep -o 'changed=[0-9]*')" = changed=0 ] || fails "second"
sed -i 's/443, 8443/443, 8444/' ../edge.skl
play >"$work/recap"	# edge.pkt says otherwise: it stops on the controller
grep -q 'failed=1' "$work/recap" || fails "a wrong policy"
skpol status | grep -q '^policy edge-web, generation 1, attached$'
sed -i 's/:8443 => https/:8444 => https/' ../edge.pkt
[ "$(play | grep -o 'changed=[0-9]*')" = changed=2 ] || fails "a new policy"
skpol status | grep -q '^policy edge-web, generation 2, attached$'
skpol remove >/dev/null
