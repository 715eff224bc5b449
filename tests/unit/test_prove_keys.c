/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_prove_keys - wrong look-ups by keys that look right part by part
 *
 * Good programs that find prefixes by a hash. In each, code and tables change
 * together, so that they are wrong in one thing only: a proof that did not look
 * at it would find the policy in all it reads. Some packet gets another verdict
 * than a linear search says, and so the proof must refuse; and must not refuse
 * the program as it was before.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "../../grammar/print.h"
#include "fixture_asked.h"

enum { LONE_32 = 8, FOUR, TWO, LONE_64 };	/* kinds, see lower.h */
enum { SOCKETS = 5, TEXT_MAX = 1 << 13 };

struct example {
	uint32_t n, length;	/* of all prefixes */
	struct compiled c;
	struct image good;	/* as it was compiled */
};

/* Prefixes of 32 bits have bits 20 to 29 clear. */
static uint32_t address(const struct example *e, uint32_t i)
{
	uint32_t v = i * 0x9e3779b1;

	return e->length == 32 ? 0x40000000 | v >> 12 :
		v >> (32 - e->length) << (32 - e->length);
}

static void write_policy(const struct example *e, char *to)
{
	char buf[46];

	to += sprintf(to, "policy t\nsocket s0\nsocket s1\nsocket s2\n"
		      "socket s3\nsocket s4\nmap m by to {\n");
	for (uint32_t i = 0; i < e->n; i++)
		to += sprintf(to, "%s/%u -> s%u\n",
			      print_address(buf, 4, address(e, i)), e->length,
			      i % SOCKETS);
	sprintf(to, "}\ntcp on \"eth0\" port 80 -> s0\ntcp -> map m\n"
		"default -> drop\n");
}

static void *copy_of(struct example *e, const void *v, size_t size)
{
	return memcpy(arena_alloc(&e->c.arena, size), v, size);
}

/* What may change is a copy. */
static void keep_good(struct example *e)
{
	struct image *m = e->c.image;

	e->good = *m;
	m->insns = copy_of(e, m->insns, m->ninsns * sizeof(*m->insns));
	m->relocs = copy_of(e, m->relocs, m->nrelocs * sizeof(*m->relocs));
	m->rodata = copy_of(e, m->rodata, m->rodata_size);
	m->variables = copy_of(e, m->variables,
			       m->nvariables * sizeof(*m->variables));
}

static void grow(struct example *e, uint8_t kind)
{
	char text[TEXT_MAX];
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text,
		.tables_least = 2, .tables_kind = kind,
	};

	write_policy(e, text);
	o.size = strlen(text);
	assert_int_equal(compile(&e->c, NULL, &o), 0);
	assert_true(e->c.proof.ok);
	assert_non_null(asked_variable(e->c.image, "skpol_keys"));
	keep_good(e);
}

static void ask(struct asked *a, uint32_t local)
{
	struct packet k = {
		.family = 4, .protocol = PACKET_TCP, .local = local,
	};

	asked_packet(a, &k);
}

/* First addresses of prefixes, and those with one of the upper BITS changed. */
static size_t wrong(struct example *e, unsigned int bits)
{
	struct asked a;

	asked_begin(&a, &e->c);
	for (uint32_t i = 0; i < e->n; i++) {
		ask(&a, address(e, i));
		for (unsigned int bit = 0; bit < bits; bit++)
			ask(&a, address(e, i) ^ 1u << (31 - bit));
	}
	return a.wrong;
}

/* The end of each test. */
static void is_proved_before(struct example *e)
{
	*e->c.image = e->good;
	assert_int_equal(wrong(e, 32), 0);
	assert_true(asked_proved(&e->c));
	compiled_free(&e->c);
}

static void is_refused(struct example *e)
{
	assert_true(wrong(e, 32) > 0);
	assert_false(asked_proved(&e->c));
	is_proved_before(e);
}

/* Instructions of a look-up, counted from the load of its first bucket. */
enum { MULTIPLY = -6, SHIFT = -5, MASK = -4, LOAD = 0,
       NEXT = 8 /* the same of the second bucket */, LEFT = NEXT + 1,
       RIGHT, ONES /* if there are some lanes */, FIRST = RIGHT + 3,
       SECOND = FIRST + 4 /* what becomes of a lane */ };

static struct bpf_insn *code_of(struct example *e)
{
	struct bpf_insn *v = e->c.image->insns;

	while (v->dst_reg != BPF_REG_3 || v->src_reg != BPF_REG_3)
		v++;
	return v;
}

static void *tables_of(struct example *e)
{
	return e->c.image->rodata +
		asked_variable(e->c.image, "skpol_keys")->offset;
}

static unsigned int bits_of(struct example *e)
{
	return (unsigned int)code_of(e)[LEFT].imm;
}

/* The number of the first bucket, times its size, has one bit less. */
static void first_is_less(unsigned int log, uint8_t load)
{
	struct example e = { .length = 32, .n = 40 };
	struct bpf_insn *v;

	grow(&e, LONE_64);
	v = code_of(&e);
	v[SHIFT].imm++;
	v[MASK].imm = v[MASK].imm >> 1 & -(1 << log);
	v[LOAD].code = BPF_LDX | BPF_MEM | load;
	is_refused(&e);
}

/* Of 32 bits, where that of the second table has 64. */
static void buckets_of_two_sizes(void **state)
{
	(void)state;
	first_is_less(2, BPF_W);
}

/* There are half as many buckets in the first table. */
static void tables_of_two_sizes(void **state)
{
	(void)state;
	first_is_less(3, BPF_DW);
}

/* Each lane has BITS below the rest of the key, where it had VALUE_BITS. */
static void widen_values(uint32_t *lane, uint32_t n, unsigned int value_bits,
			 unsigned int bits)
{
	for (; n; n--, lane++)
		*lane = *lane >> value_bits << bits |
			(*lane & ((1u << value_bits) - 1));
}

/* The rest of a key ends where the lane does. No prefix has that bit set:
 * whatever has seems to be found. */
static void lanes_are_full(void **state)
{
	struct example e = { .length = 32, .n = 40 };
	struct bpf_insn *v;
	unsigned int bits;

	(void)state;
	grow(&e, LONE_32);
	v = code_of(&e);
	bits = bits_of(&e);
	assert_in_range(31 - bits, 20, 29);
	widen_values(tables_of(&e), 2u << bits,
		     bits - (unsigned int)v[RIGHT].imm, bits);
	v[RIGHT].imm = 0;
	v[FIRST + 1].imm = v[SECOND + 1].imm = -(1 << bits);
	is_refused(&e);
}

/*
 * A key's lane gets its highest bit, and the rest of the key beside, with the
 * same value. As it borrows from the next lane it seems to be equal to whatever
 * is looked for in the bucket. False: that shows at prefixes, or nowhere.
 */
static bool make_strange(struct example *e, uint16_t *lane)
{
	const uint16_t change = (uint16_t)(1 << 15 | code_of(e)[ONES].imm);

	*lane ^= change;
	if (!wrong(e, 0) && wrong(e, 32))
		return true;
	*lane ^= change;
	return false;
}

/* Behind the look-up nothing but the bits of a value counts, and so the key
 * beside the lane finds what it should: all that the proof would ask for. */
static void lanes_that_are_strange(void **state)
{
	struct example e = { .length = 14, .n = SOCKETS };
	uint16_t *lane, *end;

	(void)state;
	grow(&e, FOUR);
	lane = tables_of(&e);
	end = lane + (8 << bits_of(&e));
	while (!make_strange(&e, lane))
		assert_true(++lane < end);
	is_refused(&e);
}

/* Tables are once more in the section, where no load of 64 bits may read. */
static void tables_beside(void **state)
{
	struct example e = { .length = 32, .n = 40 };
	const struct image *m;

	(void)state;
	grow(&e, LONE_64);
	m = e.c.image;
	asked_read_copy(&e.c, asked_variable(m, "skpol_keys"),
			(uint32_t)(m->rodata_size | 7) + 5);
	is_refused(&e);
}

/* The last bucket of the second table, of a policy with nothing in there. */
static uint64_t *grow_with_room(struct example *e)
{
	for (;; e->n++) {
		uint64_t *last;

		grow(e, LONE_64);
		last = (uint64_t *)tables_of(e) + (2 << bits_of(e)) - 1;
		if (!*last)
			return last;
		compiled_free(&e->c);
	}
}

/* The index of the only interface is at OFFSET. */
static void move_interfaces(struct example *e, uint32_t offset)
{
	struct image *m = e->c.image;
	struct image_variable *v = &m->variables[
		asked_variable(m, "skpol_interfaces") - m->variables];

	memcpy(m->rodata + offset, m->rodata + v->offset, v->size);
	asked_read_at(m, v, offset);
	v->offset = offset;
}

/* What that bucket says when KEY, which has no prefix, is found there. */
static uint32_t lane_of_last(struct example *e, uint32_t *key)
{
	const struct bpf_insn *v = code_of(e);
	const uint32_t factor = (uint32_t)v[NEXT + MULTIPLY].imm;
	const unsigned int bits = bits_of(e);

	for (*key = 1; ~(*key * factor) >> (32 - bits); )
		++*key;
	return *key << bits >> v[RIGHT].imm | 1;
}

/* The runtime writes what is in a bucket. As compiled that is no lane of a key,
 * and no packet goes wrong; but one does with an index like a lane. */
static void tables_that_are_written(void **state)
{
	struct example e = { .length = 32, .n = 40 };
	struct asked a;
	uint32_t key, index;
	uint64_t *last;

	(void)state;
	last = grow_with_room(&e);
	move_interfaces(&e, (uint32_t)((uint8_t *)last -
				       e.c.image->rodata));
	assert_int_equal(wrong(&e, 32), 0);
	assert_false(asked_proved(&e.c));
	index = lane_of_last(&e, &key);
	memcpy(last, &index, sizeof(index));
	asked_begin(&a, &e.c);
	ask(&a, key);
	assert_int_equal(a.wrong, 1);
	is_proved_before(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buckets_of_two_sizes),
		cmocka_unit_test(tables_of_two_sizes),
		cmocka_unit_test(lanes_are_full),
		cmocka_unit_test(lanes_that_are_strange),
		cmocka_unit_test(tables_beside),
		cmocka_unit_test(tables_that_are_written),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
