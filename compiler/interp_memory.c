/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_memory - reads and writes, as the verifier allows them
 *
 * In: a pointer of a known kind. Out: bytes, or a trap. Sources: the kernel's
 * sk_lookup_is_valid_access(), and check_mem_access() for the rest.
 */
#include <string.h>

#include "interp_private.h"

/*
 * What may be read of struct bpf_sk_lookup: 8 bytes of `sk`, and any aligned
 * 1, 2 or 4 bytes inside one field. All fields but `sk` are 4 bytes; the port
 * is 2, and can be read as 4.
 */
static bool context_allows(uint64_t off, unsigned int size)
{
	if (size == 8)
		return !off;
	return off >= 8 && off < INTERP_CONTEXT && off % size == 0 &&
	       off != 38 && off != 39;
}

static uint64_t value(const uint8_t *p, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);	/* little endian, as .rodata is */
	return v;
}

static bool inside(uint64_t off, unsigned int size, uint64_t end)
{
	return off <= end && size <= end - off && off % size == 0;
}

static uint64_t all_written(uint64_t off, size_t n)
{
	return (n == 64 ? ~(uint64_t)0 : ((uint64_t)1 << n) - 1) << off % 64;
}

/* Where in the stack OFF (negative, from r10) is; INTERP_STACK = nowhere. */
static uint64_t stack_at(uint64_t off, size_t size)
{
	uint64_t at = off + INTERP_STACK;

	return at <= INTERP_STACK && size <= INTERP_STACK - at ? at :
		INTERP_STACK;
}

static bool stack_written(const struct machine *m, uint64_t at, size_t n)
{
	for (size_t i = at; i < at + n; i++)
		if (!(m->written[i / 64] >> i % 64 & 1))
			return false;
	return true;
}

const uint8_t *interp_bytes(struct machine *m, const struct reg *at, size_t n)
{
	uint64_t off = stack_at(at->v, n);

	if (at->kind == REG_STACK && off < INTERP_STACK &&
	    stack_written(m, off, n))
		return m->stack + off;
	interp_trap(m, "a helper reads what is not there");
	return m->stack;
}

static uint64_t load_stack(struct machine *m, uint64_t v, unsigned int size)
{
	uint64_t off = stack_at(v, size);

	if (off == INTERP_STACK || off % size)
		interp_trap(m, "a read outside the stack");
	else if (!stack_written(m, off, size))
		interp_trap(m, "a read of stack that was not written");
	else
		return value(m->stack + off, size);
	return 0;
}

static uint8_t *counter(struct machine *m, const struct reg *at)
{
	return (uint8_t *)(m->in->counters ? &m->in->counters[at->object] :
			   &m->scratch);
}

uint64_t interp_load(struct machine *m, const struct reg *at, int o,
		     unsigned int size)
{
	uint64_t off = at->v + (uint64_t)(int64_t)o;

	if (at->maybe_null) {
		interp_trap(m, "a read through what may be NULL");
		return 0;
	}
	switch ((enum reg_kind)at->kind) {
	case REG_CONTEXT:
		if (context_allows(off, size))
			return value(m->context + off, size);
		break;
	case REG_STACK:
		return load_stack(m, off, size);
	case REG_RODATA:
		if (inside(off, size, m->in->image->rodata_size))
			return value(m->in->image->rodata + off, size);
		break;
	case REG_COUNTER:
		if (inside(off, size, sizeof(struct image_counter)))
			return value(counter(m, at) + off, size);
		break;
	case REG_RECORD:
		if (m->record_open && inside(off, size, INTERP_EVENT))
			return value((uint8_t *)&m->record + off, size);
		break;
	default:
		interp_trap(m, "a read through no pointer");
		return 0;
	}
	interp_trap(m, "a read of %u bytes at %lld is not allowed", size,
		    (long long)off);
	return 0;
}

static bool store_stack(struct machine *m, uint64_t v, unsigned int size,
			uint64_t what)
{
	uint64_t off = stack_at(v, size);

	if (off == INTERP_STACK || off % size)
		return false;
	memcpy(m->stack + off, &what, size);
	m->written[off / 64] |= all_written(off, size);
	return true;
}

static bool store_record(struct machine *m, uint64_t off, unsigned int size,
			 uint64_t what)
{
	if (!m->record_open || !inside(off, size, INTERP_EVENT))
		return false;
	memcpy((uint8_t *)&m->record + off, &what, size);
	m->record_written |= all_written(off, size);
	return true;
}

void interp_store(struct machine *m, const struct reg *at, int o,
		  unsigned int size, uint64_t v)
{
	uint64_t off = at->v + (uint64_t)(int64_t)o;
	bool done = false;

	if (at->maybe_null)
		interp_trap(m, "a write through what may be NULL");
	else if (at->kind == REG_STACK)
		done = store_stack(m, off, size, v);
	else if (at->kind == REG_RECORD)
		done = store_record(m, off, size, v);
	else if (at->kind == REG_COUNTER &&
		 inside(off, size, sizeof(struct image_counter)))
		done = memcpy(counter(m, at) + off, &v, size);
	if (!done)
		interp_trap(m, "a write of %u bytes at %lld is not allowed",
			    size, (long long)off);
}
