/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * link - the attachment of a program to the namespace
 *
 * In: a program. Out: the same program, run for the namespace's packets.
 * Promise: one system call makes the change, and it is refused when another
 * writer was faster.
 */
#include "link.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "auto.h"
#include "state.h"

int link_view(struct skpol *s, struct link_view *v)
{
	struct bpf_link_info info = { 0 };
	__u32 len = sizeof(info);
	int err;

	*v = (struct link_view){ .state = LINK_NONE, .fd = pin_get(s, "link") };
	if (v->fd == -ENOENT)
		return 0;
	if (v->fd < 0)
		return fail_bpf(s, v->fd, "open the pinned link");
	err = bpf_obj_get_info_by_fd(v->fd, &info, &len);
	if (err) {
		link_close(v);
		return fail_bpf(s, err, "look at the pinned link");
	}
	v->program_id = info.prog_id;
	v->state = info.type == BPF_LINK_TYPE_NETNS && info.netns.netns_ino ?
		LINK_ALIVE : LINK_DEAD;
	return 0;
}

void link_close(struct link_view *v)
{
	if (v->fd >= 0)
		close(v->fd);
	v->fd = -1;
}

static int attach(struct skpol *s, const struct link_view *v, int program)
{
	AUTO_FD fd = bpf_link_create(program, s->netns, BPF_SK_LOOKUP, NULL);
	int err = v->state == LINK_DEAD ? pin_delete(s, "link") : 0;

	if (fd == -E2BIG)
		return fail_system(s, fd, "64 programs are attached to this "
				   "namespace already: that is the kernel's "
				   "limit");
	if (fd < 0)
		return fail_bpf(s, fd, "attach to the network namespace");
	return err ? err : pin_put(s, fd, "link");
}

int link_commit(struct skpol *s, const struct link_view *v, int program,
		int old)
{
	LIBBPF_OPTS(bpf_link_update_opts, o);
	int err;

	if (v->state != LINK_ALIVE)
		return attach(s, v, program);
	if (old >= 0) {
		o.flags = BPF_F_REPLACE;
		o.old_prog_fd = (__u32)old;
	}
	err = bpf_link_update(v->fd, program, &o);
	if (err == -EPERM && old >= 0) {
		struct link_view now;

		if (!link_view(s, &now) && now.program_id != v->program_id)
			err = -EBUSY;
		link_close(&now);
	}
	if (err == -EBUSY)
		return fail_system(s, err, "another command replaced the "
				   "policy meanwhile: nothing was done");
	return err ? fail_bpf(s, err, "replace the attached program") : 0;
}

int link_remove(struct skpol *s, struct link_view *v)
{
	int err = v->state == LINK_ALIVE ? bpf_link_detach(v->fd) : 0;

	if (err)
		return fail_bpf(s, err, "detach from the network namespace");
	return pin_delete(s, "link");
}

/*
 * An update of a map of maps returns after an RCU grace period: that is what
 * the kernel does there so that no running program sees the old inner map.
 * membarrier(2) has no such promise where there is one processor.
 */
int link_quiesce(struct skpol *s)
{
	LIBBPF_OPTS(bpf_map_create_opts, o);
	AUTO_FD inner = bpf_map_create(BPF_MAP_TYPE_ARRAY, "skpol_inner", 4, 4,
				       1, NULL);
	AUTO_FD outer = -1;
	__u32 zero = 0;
	int err;

	if (inner < 0)
		return fail_bpf(s, inner, "make a map");
	o.inner_map_fd = (__u32)inner;
	outer = bpf_map_create(BPF_MAP_TYPE_ARRAY_OF_MAPS, "skpol_outer", 4, 4,
			       1, &o);
	if (outer < 0)
		return fail_bpf(s, outer, "make a map of maps");
	err = bpf_map_update_elem(outer, &zero, &inner, BPF_ANY);
	return err ? fail_bpf(s, err, "wait for running programs") : 0;
}
