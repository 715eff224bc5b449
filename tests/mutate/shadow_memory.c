/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * shadow_memory - the machine's loads and stores
 *
 * In: places. Out: values, and up to where they are the same. A word of the
 * context is a variable, a cell of .rodata a number for as long as the cells
 * beside it hold the same.
 */
#include "shadow_machine.h"
#include "shadow_value.h"

#include <endian.h>
#include <string.h>

static struct value context(struct machine *k, uint64_t at, unsigned int size)
{
	static const uint8_t family[] = { 2, 10 }, protocol[] = { 6, 17 };
	unsigned int var = (unsigned int)((at - 8) / 4);
	struct value v;
	uint32_t raw;

	if (at < 8 || at >= 68 || at % size || size > 4 || at == 38) {
		shadow_trap(k, "no word of the context");
		return value_fixed(0);
	}
	shadow_use(k->s, var);
	v = value_line(k->s, var);
	raw = (uint32_t)v.v;
	if (var <= VAR_PROTOCOL) {
		value_fix(k->s, &v);
		raw = var ? protocol[v.v & 1] : family[v.v & 1];
		v.v = raw;
	} else if (var != VAR_LOCAL_PORT && var != VAR_IFINDEX) {
		v.form = RAW;
		raw = var == VAR_REMOTE_PORT ? htobe16((uint16_t)raw) :
			htobe32(raw);
		v.v = raw;
	}
	if (size == 2 && (at == 36 || at == 60))	/* all of a port */
		return v;
	if (size < 4)
		v = (struct value){
			.kind = SHADOW_NUMBER, .form = v.vars ? TERM : FIXED,
			.v = raw >> 8 * (at % 4) & (size == 1 ? 0xff : 0xffff),
			.term = value_mix(value_mix(value_id(&v), at), size),
			.vars = v.vars, .narrow = true, .var = v.var,
			.half = v.form == RAW && size == 2 && !(at % 4) &&
				var != VAR_REMOTE_PORT,
		};
	return v;
}

static uint64_t number_in(const uint8_t *p, unsigned int size)
{
	uint64_t v = 0;

	memcpy(&v, p, size);
	return v;
}

/* How many cells behind P, of MOST, hold the same as that. */
static uint64_t same_behind(const uint8_t *p, uint64_t most, unsigned int size)
{
	uint64_t n = 0, step = 1;

	while (n < most) {
		uint64_t take = step < most - n ? step : most - n;

		if (!memcmp(p + n * size, p + (n + 1) * size, take * size)) {
			n += take;
			step *= 2;
		} else if (take == 1) {
			break;
		} else {
			step = take / 2;
		}
	}
	return n;
}

/* The first value from NEXT on, every STEP, that leads to no cell like the one
 * before; cells lie one behind the other from TO on. */
static uint64_t behind_row(const struct machine *k, uint64_t to, uint64_t next,
			   uint64_t step, uint64_t high, unsigned int size)
{
	uint64_t most = (k->m->rodata_size - to) / size - 1;
	uint64_t values = next > high ? 0 : (high - next) / step + 1;

	return next + step * same_behind(k->m->rodata + to, values < most ?
					 values : most, size);
}

/* The cell is the same up to where another one holds something else. */
static void same_cells(struct machine *k, const struct value *at, int off,
		       unsigned int size, uint64_t cell)
{
	uint64_t x = k->s->x[at->var], high = k->s->high[at->var];
	uint64_t step = (uint64_t)1 << at->shift;
	uint64_t next = (x | (step - 1)) + 1;
	uint64_t here = at->v + (uint64_t)(int64_t)off;

	if (value_at(at, next) - at->v == size && next <= high)
		next = behind_row(k, here, next, step, high, size);
	for (; next <= high; next += step) {
		uint64_t to = value_at(at, next) + (uint64_t)(int64_t)off;

		if (to > k->m->rodata_size ||
		    size > k->m->rodata_size - to || to % size ||
		    number_in(k->m->rodata + to, size) != cell)
			break;
	}
	value_lower(k->s, at->var, next - 1);
}

static struct value rodata(struct machine *k, struct value at, int off,
			   unsigned int size)
{
	uint64_t to = at.v + (uint64_t)(int64_t)off, v;

	if (at.form != LINE)
		value_fix(k->s, &at);
	if (to > k->m->rodata_size || size > k->m->rodata_size - to ||
	    to % size) {
		value_fix(k->s, &at);
		shadow_trap(k, "outside of .rodata");
		return value_fixed(0);
	}
	v = number_in(k->m->rodata + to, size);
	if (at.form == LINE)
		same_cells(k, &at, off, size, v);
	return value_fixed(v);
}

uint8_t *shadow_place(struct machine *k, const struct value *at, int off,
		      unsigned int size)
{
	uint64_t to = at->v + (uint64_t)(int64_t)off;
	uint8_t *begin = k->stack;
	uint64_t end = STACK;

	if (at->kind == SHADOW_STACK) {
		to += STACK;
	} else {
		begin = (uint8_t *)&k->out->counters[at->object];
		end = sizeof(struct image_counter);
	}
	if (at->null || to > end || size > end - to || to % size) {
		shadow_trap(k, "outside of memory");
		return NULL;
	}
	return begin + to;
}

struct value shadow_load(struct machine *k, struct value at, int off,
			 unsigned int size)
{
	uint8_t *p;

	switch (at.kind) {
	case SHADOW_CONTEXT:
		return context(k, at.v + (uint64_t)(int64_t)off, size);
	case SHADOW_RODATA:
		return rodata(k, at, off, size);
	case SHADOW_STACK:
	case SHADOW_COUNTER:
		p = shadow_place(k, &at, off, size);
		return value_fixed(p ? number_in(p, size) : 0);
	default:
		shadow_trap(k, "a load from no place");
		return value_fixed(0);
	}
}

static void send(struct machine *k, const struct value *at, int off,
		 unsigned int size, struct value v)
{
	uint64_t to = at->v + (uint64_t)(int64_t)off;

	if (at->null || to >= EVENT || size > EVENT - to || to % size) {
		shadow_trap(k, "outside of an event");
		return;
	}
	if (v.form == FIXED && size < 8)
		v.v &= ((uint64_t)1 << 8 * size) - 1;
	for (unsigned int i = 0; i < size; i++)
		k->sent[to + i] = v.form == FIXED ? v.v >> 8 * i & 0xff :
			value_mix(value_id(&v), i);
}

void shadow_store(struct machine *k, struct value at, int off,
		  unsigned int size, struct value v)
{
	uint8_t *p;

	if (v.kind != SHADOW_NUMBER) {
		shadow_trap(k, "a store of no number");
	} else if (at.kind == SHADOW_RECORD) {
		send(k, &at, off, size, v);
	} else if (at.kind == SHADOW_STACK || at.kind == SHADOW_COUNTER) {
		value_fix(k->s, &v);
		p = shadow_place(k, &at, off, size);
		if (p)
			memcpy(p, &v.v, size);
	} else {
		shadow_trap(k, "a store to no place");
	}
}
