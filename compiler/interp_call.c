/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_call - the helpers that a program may call
 *
 * In: r1 to r5. Out: r0; r1 to r5 are lost. Numbers are those of enum
 * bpf_func_id in linux/bpf.h.
 */
#include <string.h>

#include "interp_private.h"

static bool is_map(const struct reg *r, enum image_map map)
{
	return r->kind == REG_MAP && r->object == map;
}

static void number(struct machine *m, uint64_t v)
{
	m->r[0] = (struct reg) { .kind = REG_NUMBER, .v = v };
}

static bool socket_present(const struct machine *m, uint32_t index)
{
	const struct interp_sockets *s = &m->in->sockets;

	return s->present ? s->present(s->ctx, index) :
		index < m->in->image->nslots;
}

static void look_up_socket(struct machine *m, uint32_t key)
{
	if (m->holds) {
		interp_trap(m, "a second socket while one is held");
		return;
	}
	m->holds = socket_present(m, key);
	m->held = key;
	m->r[0] = (struct reg) { .kind = REG_SOCKET, .object = key,
				 .maybe_null = true, .null = !m->holds };
}

static void map_lookup(struct machine *m)
{
	uint32_t key;

	memcpy(&key, interp_bytes(m, &m->r[2], sizeof(key)), sizeof(key));
	if (is_map(&m->r[1], IMAGE_SOCKETS)) {
		look_up_socket(m, key);
	} else if (is_map(&m->r[1], IMAGE_COUNTERS)) {
		m->r[0] = (struct reg) {
			.kind = REG_COUNTER, .object = key, .maybe_null = true,
			.null = key >= m->in->image->ncounters,
		};
	} else {
		interp_trap(m, "a look-up in no map that has keys");
	}
}

static bool is_held(const struct machine *m, const struct reg *r)
{
	return r->kind == REG_SOCKET && !r->maybe_null && m->holds &&
		r->object == m->held;
}

static void sk_assign(struct machine *m)
{
	const struct interp_sockets *s = &m->in->sockets;
	int err = 0;

	if (m->r[1].kind != REG_CONTEXT || m->r[3].kind != REG_NUMBER ||
	    !is_held(m, &m->r[2])) {
		interp_trap(m, "bpf_sk_assign wants context, socket, flags");
		return;
	}
	if (s->assign)
		err = s->assign(s->ctx, m->held, m->r[3].v);
	if (!err) {
		m->out->slot = m->held;
		m->out->flags = m->r[3].v;
	}
	number(m, (uint64_t)(int64_t)err);
}

static void forget(struct machine *m, enum reg_kind kind)
{
	for (int i = 0; i < INTERP_REGISTERS; i++)
		if (m->r[i].kind == kind)
			m->r[i].kind = REG_NONE;
}

static void sk_release(struct machine *m)
{
	if (!is_held(m, &m->r[1])) {
		interp_trap(m, "bpf_sk_release of no socket that is held");
		return;
	}
	m->holds = false;
	forget(m, REG_SOCKET);
	number(m, 0);
}

static void ringbuf_reserve(struct machine *m)
{
	if (!is_map(&m->r[1], IMAGE_EVENTS) || m->r[2].kind != REG_NUMBER ||
	    m->r[2].v != INTERP_EVENT || m->r[3].kind != REG_NUMBER ||
	    m->r[3].v || m->record_open) {
		interp_trap(m, "bpf_ringbuf_reserve wants events, 64, 0");
		return;
	}
	m->record_open = true;
	m->record_written = 0;
	m->r[0] = (struct reg) { .kind = REG_RECORD, .maybe_null = true };
}

static void ringbuf_end(struct machine *m, bool submit)
{
	if (m->r[1].kind != REG_RECORD || m->r[1].maybe_null ||
	    m->r[1].v || !m->record_open) {
		interp_trap(m, "the end of no record");
		return;
	}
	if (submit && m->record_written != ~(uint64_t)0) {
		interp_trap(m, "a record that is not wholly written");
		return;
	}
	if (submit && m->in->event)
		m->in->event(m->in->event_ctx, &m->record);
	m->record_open = false;
	forget(m, REG_RECORD);
	number(m, 0);
}

void interp_call(struct machine *m, int helper)
{
	m->r[0].kind = REG_NONE;
	switch (helper) {
	case BPF_FUNC_map_lookup_elem:
		map_lookup(m);
		break;
	case BPF_FUNC_ktime_get_ns:
	case BPF_FUNC_get_prandom_u32:
	case BPF_FUNC_get_smp_processor_id:
	case BPF_FUNC_jiffies64:
		number(m, 0);	/* no verdict may depend on it */
		break;
	case BPF_FUNC_sk_assign:
		sk_assign(m);
		break;
	case BPF_FUNC_sk_release:
		sk_release(m);
		break;
	case BPF_FUNC_ringbuf_reserve:
		ringbuf_reserve(m);
		break;
	case BPF_FUNC_ringbuf_submit:
		ringbuf_end(m, true);
		break;
	case BPF_FUNC_ringbuf_discard:
		ringbuf_end(m, false);
		break;
	default:
		interp_trap(m, "helper %d is not known", helper);
		return;
	}
	for (int i = 1; i <= 5; i++)
		m->r[i].kind = REG_NONE;
}
