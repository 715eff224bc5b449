/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * interp_memory - reads and writes, as the verifier allows them
 *
 * In: a pointer of a known kind. Out: bytes, or a trap. Sources: the kernel's
 * sk_lookup_is_valid_access(), and check_mem_access() for the rest.
 */
#include <string.h>

#include "interp_private.h"

enum { CONTEXT_END = 68 };	/* of ingress_ifindex, the last field */

/*
 * Aligned 1, 2 or 4 bytes inside one field, from `family` on. All fields are 4
 * bytes, or many of 4; the remote port is 2, and can be read as 4: the padding
 * behind it is of no use.
 */
bool interp_context_allows(uint64_t off, unsigned int size)
{
	return size <= 4 && off >= 8 && off < CONTEXT_END && off % size == 0 &&
		off + size <= CONTEXT_END && off != 38 && off != 39;
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

	if (at->kind != REG_STACK || off == INTERP_STACK)
		interp_trap(m, "r%u is not %zu bytes of the stack",
			    interp_register(m, at), n);
	if (!stack_written(m, off, n))
		interp_trap(m, "the stack at r%u was not written",
			    interp_register(m, at));
	return m->stack + off;
}

static uint8_t *counter(struct machine *m, const struct reg *at)
{
	return (uint8_t *)(m->in->counters ? &m->in->counters[at->object] :
			   &m->scratch);
}

/* Where in memory it is; NULL = it is not all inside, or not aligned. */
static uint8_t *place(struct machine *m, const struct reg *at, uint64_t off,
		      unsigned int size)
{
	switch ((enum reg_kind)at->kind) {
	case REG_STACK:
		off = stack_at(off, size);
		return off < INTERP_STACK && off % size == 0 ?
			m->stack + off : NULL;
	case REG_RODATA:
		return inside(off, size, m->in->image->rodata_size) ?
			m->in->image->rodata + off : NULL;
	case REG_COUNTER:
		return inside(off, size, sizeof(struct image_counter)) ?
			counter(m, at) + off : NULL;
	case REG_RECORD:
		return inside(off, size, INTERP_EVENT) ?
			(uint8_t *)&m->record + off : NULL;
	default:
		return NULL;
	}
}

static void must_point(struct machine *m, const struct reg *at)
{
	if (at->kind == REG_NONE)
		interp_trap(m, "r%u is not initialized",
			    interp_register(m, at));
	if (at->null)
		interp_trap(m, "r%u may be NULL", interp_register(m, at));
}

/* The socket selected so far: a pointer that is not to be released. */
static struct reg selected(struct machine *m)
{
	bool none = m->out->slot == INTERP_NO_SOCKET;

	return (struct reg) { .kind = REG_SOCKET, .object = m->out->slot,
			      .id = interp_id(m),
			      .null = MAYBE_NULL | (none ? IS_NULL : 0) };
}

/* Nobody reads of an event what is not yet written: the ring is not cleared. */
static bool readable(const struct machine *m, const struct reg *at,
		     uint64_t off, unsigned int size)
{
	uint64_t bytes = all_written(off, size);

	if (at->kind == REG_STACK)
		return stack_written(m, off + INTERP_STACK, size);
	return at->kind != REG_RECORD || (m->record_written & bytes) == bytes;
}

struct reg interp_load(struct machine *m, const struct reg *at, int o,
		       unsigned int size)
{
	uint64_t off = at->v + (uint64_t)(int64_t)o;
	const uint8_t *p;

	must_point(m, at);
	if (at->kind == REG_CONTEXT && !off && size == 8)
		return selected(m);
	p = place(m, at, off, size);
	if (!p)
		interp_trap(m, "a read of %u bytes at %lld of r%u, %s", size,
			    (long long)off, interp_register(m, at),
			    interp_kind(at));
	if (!readable(m, at, off, size))
		interp_trap(m, "a read at %lld of r%u, never written",
			    (long long)off, interp_register(m, at));
	return (struct reg) { .kind = REG_NUMBER, .v = value(p, size) };
}

static void note_written(struct machine *m, const struct reg *at,
			 uint64_t off, unsigned int size)
{
	if (at->kind == REG_RECORD) {
		m->record_written |= all_written(off, size);
	} else if (at->kind == REG_STACK) {
		off += INTERP_STACK;
		m->written[off / 64] |= all_written(off, size);
	}
}

void interp_store(struct machine *m, const struct reg *at, int o,
		  unsigned int size, uint64_t v)
{
	uint64_t off = at->v + (uint64_t)(int64_t)o;
	uint8_t *p;

	must_point(m, at);
	p = at->kind == REG_RODATA ? NULL : place(m, at, off, size);
	if (!p)
		interp_trap(m, "a write of %u bytes at %lld of r%u, %s", size,
			    (long long)off, interp_register(m, at),
			    interp_kind(at));
	memcpy(p, &v, size);
	note_written(m, at, off, size);
}
