/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_call - the helpers that a program may call
 *
 * In: r1 to r5. Out: r0; r1 to r5 are lost. Numbers are those of enum
 * bpf_func_id in linux/bpf.h.
 */
#include <errno.h>
#include <string.h>

#include "interp_private.h"

enum { ASSIGN_FLAGS = BPF_SK_LOOKUP_F_REPLACE | BPF_SK_LOOKUP_F_NO_REUSEPORT,
       OUTPUT_FLAGS = BPF_RB_NO_WAKEUP | BPF_RB_FORCE_WAKEUP };

static bool is_map(const struct reg *r, enum image_map map)
{
	return r->kind == REG_MAP && r->object == map;
}

static bool is_number(const struct reg *r)
{
	return r->kind == REG_NUMBER;
}

static struct reg number(uint64_t v)
{
	return (struct reg) { .kind = REG_NUMBER, .v = v };
}

/* What a call returns that may be NULL; the program does not know yet. */
static struct reg pointer(struct machine *m, enum reg_kind kind,
			  uint32_t object, bool there)
{
	return (struct reg) { .kind = (uint8_t)kind, .object = object,
			      .id = interp_id(m),
			      .null = MAYBE_NULL | (there ? 0 : IS_NULL) };
}

/* A pointer that must not be used any longer, nor its copies. */
static void forget(struct machine *m, uint16_t id)
{
	for (int i = 0; i < INTERP_REGISTERS; i++)
		if (m->r[i].id == id && !is_number(&m->r[i]))
			m->r[i] = (struct reg) { .kind = REG_NONE };
}

static bool socket_present(const struct machine *m, uint32_t index)
{
	const struct interp_sockets *s = &m->in->sockets;

	return s->present ? s->present(s->ctx, index) :
		index < m->in->image->nslots;
}

static struct reg look_up_socket(struct machine *m, uint32_t key)
{
	struct reg r;

	if (m->holds)
		interp_trap(m, "a second socket while one is held");
	r = pointer(m, REG_SOCKET, key, socket_present(m, key));
	m->holds = true;
	m->held = r.id;
	return r;
}

static struct reg look_up_counter(struct machine *m, uint32_t key)
{
	memset(&m->scratch, 0, sizeof(m->scratch));
	return pointer(m, REG_COUNTER, key, key < m->in->image->ncounters);
}

static struct reg map_lookup(struct machine *m)
{
	uint32_t key;

	if (!is_map(&m->r[1], IMAGE_SOCKETS) &&
	    !is_map(&m->r[1], IMAGE_COUNTERS))
		interp_trap(m, "r1 is no map to look into");
	memcpy(&key, interp_bytes(m, &m->r[2], sizeof(key)), sizeof(key));
	return is_map(&m->r[1], IMAGE_SOCKETS) ? look_up_socket(m, key) :
		look_up_counter(m, key);
}

static bool is_held(const struct machine *m, const struct reg *r)
{
	return r->kind == REG_SOCKET && !r->null && m->holds &&
		r->id == m->held;
}

/* The kernel's order: flags, then the socket, then what is selected. */
static int assign(struct machine *m, const struct reg *sk, uint64_t flags)
{
	const struct interp_sockets *s = &m->in->sockets;
	int err = 0;

	if (flags & ~(uint64_t)ASSIGN_FLAGS)
		return -EINVAL;
	if (s->assign && sk->kind == REG_SOCKET)
		err = s->assign(s->ctx, sk->object, flags);
	if (!err && m->out->slot != INTERP_NO_SOCKET &&
	    !(flags & BPF_SK_LOOKUP_F_REPLACE))
		err = -EEXIST;
	if (err)
		return err;
	m->out->slot = sk->kind == REG_SOCKET ? sk->object :
		(uint32_t)INTERP_NO_SOCKET;
	m->out->flags = flags;
	return 0;
}

static struct reg sk_assign(struct machine *m)
{
	const struct reg *sk = &m->r[2];

	if (m->r[1].kind != REG_CONTEXT)
		interp_trap(m, "r1 is not the context");
	if (!is_held(m, sk) && !(is_number(sk) && !sk->v))
		interp_trap(m, "r2 is no socket that is held, nor NULL");
	if (!is_number(&m->r[3]))
		interp_trap(m, "r3 is no flags");
	return number((uint64_t)(int64_t)assign(m, sk, m->r[3].v));
}

static struct reg sk_release(struct machine *m)
{
	if (!is_held(m, &m->r[1]))
		interp_trap(m, "r1 is no socket that is held");
	m->holds = false;
	forget(m, m->held);
	return number(0);
}

/* A whole event from the stack, at once. */
static struct reg ringbuf_output(struct machine *m)
{
	struct image_event e;

	if (!is_map(&m->r[1], IMAGE_EVENTS))
		interp_trap(m, "r1 is not the map of events");
	if (!is_number(&m->r[3]) || m->r[3].v != INTERP_EVENT)
		interp_trap(m, "r3 is not the size of an event");
	if (!is_number(&m->r[4]))
		interp_trap(m, "r4 is no flags");
	memcpy(&e, interp_bytes(m, &m->r[2], sizeof(e)), sizeof(e));
	if (m->r[4].v & ~(uint64_t)OUTPUT_FLAGS)
		return number((uint64_t)(int64_t)-EINVAL);
	if (m->in->events_full)
		return number((uint64_t)(int64_t)-EAGAIN);
	if (m->in->event)
		m->in->event(m->in->event_ctx, &e);
	return number(0);
}

static struct reg ringbuf_reserve(struct machine *m)
{
	if (!is_map(&m->r[1], IMAGE_EVENTS))
		interp_trap(m, "r1 is not the map of events");
	if (!is_number(&m->r[2]) || m->r[2].v != INTERP_EVENT)
		interp_trap(m, "r2 is not the size of an event");
	if (!is_number(&m->r[3]) || m->r[3].v)
		interp_trap(m, "r3 is not 0");
	if (m->record_open)
		interp_trap(m, "a second event before the first is submitted");
	m->record_open = true;
	m->record_written = 0;
	return pointer(m, REG_RECORD, 0, !m->in->events_full);
}

static struct reg ringbuf_end(struct machine *m, bool submit)
{
	const struct reg *r = &m->r[1];

	if (r->kind != REG_RECORD || r->null || r->v)
		interp_trap(m, "r1 is not the beginning of an event");
	if (!is_number(&m->r[2]))
		interp_trap(m, "r2 is no flags");
	if (m->r[2].v)	/* a reader might not be woken */
		interp_trap(m, "r2 is not 0");
	if (submit && m->record_written != ~(uint64_t)0)
		interp_trap(m, "an event that is not wholly written");
	if (submit && m->in->event)
		m->in->event(m->in->event_ctx, &m->record);
	m->record_open = false;
	forget(m, r->id);
	return number(0);
}

static struct reg call(struct machine *m, int helper)
{
	switch (helper) {
	case BPF_FUNC_map_lookup_elem:
		return map_lookup(m);
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_smp_processor_id:
		return number(0);	/* no verdict may depend on it */
	case BPF_FUNC_jiffies64:
		return number(m->in->jiffies);
	case BPF_FUNC_sk_assign:
		return sk_assign(m);
	case BPF_FUNC_sk_release:
		return sk_release(m);
	case BPF_FUNC_ringbuf_output:
		return ringbuf_output(m);
	case BPF_FUNC_ringbuf_reserve:
		return ringbuf_reserve(m);
	case BPF_FUNC_ringbuf_submit:
		return ringbuf_end(m, true);
	case BPF_FUNC_ringbuf_discard:
		return ringbuf_end(m, false);
	default:
		interp_trap(m, "helper %d is not known", helper);
	}
}

void interp_call(struct machine *m, int helper)
{
	m->r[BPF_REG_0] = call(m, helper);
	for (int i = BPF_REG_1; i <= BPF_REG_5; i++)
		m->r[i] = (struct reg) { .kind = REG_NONE };
}
