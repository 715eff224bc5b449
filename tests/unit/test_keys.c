/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_keys - prefixes of one length, found by a hash
 *
 * Lists of hosts and networks, so that each number of lanes is there, by words
 * of 32 and of 64 bits, with and without low bits that count. Programs must be
 * proved, and give each prefix, and what is beside it, the verdict of a linear
 * search. Then each byte of the tables and each number of the code changes:
 * what is still proved must still be right, and what is refused must have a
 * witness, or no packet differs. Programs that are wrong in a way that no
 * single change makes are refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "../../grammar/print.h"
#include "../random/world.h"
#include "fixture_asked.h"

enum { SOCKETS = 5, LINE_MAX = 64 };

struct list {
	unsigned int family, length;	/* of all prefixes */
	uint32_t n;
	bool dense;		/* one behind the other, but for a few */
	const char *others;	/* what the map says of all other addresses */
};

struct tally {
	size_t proved, refused, witnesses;
};

static unsigned int bits_of(const struct list *l)
{
	return l->family == 4 ? 32 : 128;
}

/* Prefix I, in its low bits; of IPv6 in 2001:db8::/32 where that is shorter. */
static u128 prefix(const struct list *l, uint32_t i)
{
	unsigned int own = l->family == 6 ? l->length - 32 : l->length;
	uint64_t top = own < 64 ? ((uint64_t)1 << own) - 1 : UINT64_MAX;
	uint64_t low = l->dense ? i + i / 7 + 2 :
		i * (uint64_t)0x5851f42d4c957f2d + 99;

	if (l->family == 4)
		return low & top;
	return (u128)0x20010db8 << own | (low & top);
}

static u128 address(const struct list *l, uint32_t i)
{
	return prefix(l, i) << (bits_of(l) - l->length);
}

static char *policy_of(const struct list *l)
{
	char *text = malloc((size_t)(l->n + 20) * LINE_MAX), *to = text;
	char buf[46];

	to += sprintf(to, "policy t\n");
	for (int i = 0; i < SOCKETS; i++)
		to += sprintf(to, "socket s%d\n", i);
	to += sprintf(to, "map m by to {\n");
	if (l->others)
		to += sprintf(to, "%s -> %s\n", l->family == 4 ? "0.0.0.0/0" :
			      "::/0", l->others);
	for (uint32_t i = 0; i < l->n; i++)
		to += sprintf(to, "%s/%u -> s%u\n",
			      print_address(buf, l->family, address(l, i)),
			      l->length, i % SOCKETS);
	sprintf(to, "}\ntcp -> map m count\ndefault -> drop\n");
	return text;
}

static void ask(struct asked *a, const struct list *l, u128 local)
{
	struct packet k = {
		.family = (uint8_t)l->family, .protocol = PACKET_TCP,
		.local_port = 80, .remote_port = 50000,
		.local = l->family == 4 ? (uint32_t)local : local,
	};

	asked_packet(a, &k);
}

static void ask_all(struct asked *a, struct compiled *c, const struct list *l,
		    uint32_t step)
{
	u128 size = (u128)1 << (bits_of(l) - l->length);

	asked_begin(a, c);
	ask(a, l, 0);
	ask(a, l, l->family == 4 ? UINT32_MAX : ~(u128)0);
	for (uint32_t i = 0; i < l->n; i += step) {
		u128 first = address(l, i);

		ask(a, l, first);
		ask(a, l, first - 1);
		ask(a, l, first + size - 1);
		ask(a, l, first + size);
		for (unsigned int bit = bits_of(l) - l->length;
		     bit < bits_of(l); bit += 3)
			ask(a, l, first ^ (u128)1 << bit);
	}
}

/* KIND: see lower.h; 0: what is usual. */
static void grow(struct compiled *c, char *text, uint8_t kind)
{
	struct compile_options o = {
		.optimize = 2, .until = COMPILE_ALL, .no_lint = true,
		.name = "t.skl", .text = text, .size = strlen(text),
		.tables_least = kind ? 2 : 0, .tables_kind = kind,
	};

	assert_int_equal(compile(c, NULL, &o), 0);
	if (c->diags.nerrors)
		diag_print(&c->diags, stderr, false);
	assert_true(c->proof.ok);
}

static size_t first_load(const struct image *m)
{
	size_t i = 0;

	while (m->insns[i].dst_reg != BPF_REG_3 ||
	       m->insns[i].src_reg != BPF_REG_3 ||
	       BPF_CLASS(m->insns[i].code) != BPF_LDX)
		i++;
	return i;
}

/* Keys in a bucket, of the first block that is looked up by keys. */
static unsigned int lanes_of(const struct compiled *c)
{
	for (size_t i = 0; i < c->program.lowered.n; i++)
		if (c->program.lowered.v[i].choices[0].kind == LOWERED_KEYS)
			return c->program.lowered.v[i].choices[0].entry;
	return 0;
}

static unsigned int bucket_bytes(const struct compiled *c)
{
	bool narrow = BPF_SIZE(c->image->insns[first_load(c->image)].code) ==
		BPF_W;

	return narrow ? 4 : 8;
}

/* ----------------------------------------------------------------- right */

enum { LONE_32 = 8, FOUR, TWO, LONE_64, KINDS_END };

static void is_of_kind(const struct compiled *c, uint8_t kind)
{
	assert_int_equal(lanes_of(c), kind == FOUR ? 4 : kind == TWO ? 2 : 1);
	assert_int_equal(bucket_bytes(c), kind == LONE_32 ? 4 : 8);
}

static void check(struct list l, uint8_t kind)
{
	static const char *const others[] = { NULL, "s3", "pass" };

	for (size_t o = 0; o < sizeof(others) / sizeof(*others); o++) {
		struct compiled c;
		struct asked a;
		char *text;

		l.others = others[o];
		text = policy_of(&l);
		grow(&c, text, kind);
		assert_non_null(asked_variable(c.image, "skpol_keys"));
		is_of_kind(&c, kind);
		ask_all(&a, &c, &l, 1 + l.n / 500);
		assert_int_equal(a.wrong, 0);
		assert_true(a.packets > 5 * (l.n < 100 ? l.n : 100));
		compiled_free(&c);
		free(text);
	}
}

static void words_of_32_bits(void **state)
{
	(void)state;
	for (uint8_t kind = LONE_32; kind < KINDS_END; kind++) {
		if (kind == FOUR)
			continue;
		check((struct list){ .family = 4, .length = 32, .n = 700 },
		      kind);
		check((struct list){ .family = 4, .length = 32, .n = 70 },
		      kind);
		check((struct list){ .family = 4, .length = 24, .n = 900 },
		      kind);
		check((struct list){ .family = 4, .length = 32, .n = 2000,
				     .dense = true }, kind);
	}
	check((struct list){ .family = 4, .length = 32, .n = 4 }, LONE_64);
	for (uint8_t kind = LONE_32; kind < KINDS_END; kind++) {
		check((struct list){ .family = 4, .length = 17, .n = 3000 },
		      kind);
		check((struct list){ .family = 4, .length = 19, .n = 3000,
				     .dense = true }, kind);
	}
}

static void words_of_64_bits(void **state)
{
	(void)state;
	check((struct list){ .family = 6, .length = 48, .n = 700 }, LONE_64);
	check((struct list){ .family = 6, .length = 64, .n = 700 }, LONE_64);
	check((struct list){ .family = 6, .length = 56, .n = 30 }, LONE_64);
	check((struct list){ .family = 6, .length = 64, .n = 2000,
			     .dense = true }, LONE_64);
	check((struct list){ .family = 6, .length = 40, .n = 200 }, TWO);
	check((struct list){ .family = 6, .length = 40, .n = 200 }, LONE_32);
}

/* Without force: where most values lead to one place, and others are few. */
static void when_it_is_worth_it(void **state)
{
	static const struct {
		uint32_t n;
		uint8_t kind;
	} sizes[] = { { 10, LONE_32 }, { 1000, LONE_32 }, { 40000, TWO } };
	struct list l = { .family = 4, .length = 32 };
	struct compiled c;
	struct asked a;
	char *text;

	(void)state;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		l.n = sizes[i].n;
		text = policy_of(&l);
		grow(&c, text, 0);
		assert_non_null(asked_variable(c.image, "skpol_keys"));
		is_of_kind(&c, sizes[i].kind);
		ask_all(&a, &c, &l, 7);
		assert_int_equal(a.wrong, 0);
		compiled_free(&c);
		free(text);
	}
}

/* Of all these addresses each leads somewhere. */
static void when_it_is_not(void **state)
{
	struct list l = { .family = 4, .length = 7, .n = 100, .dense = true };
	char *text = policy_of(&l);
	struct compiled c;

	(void)state;
	grow(&c, text, 0);
	assert_null(asked_variable(c.image, "skpol_keys"));
	compiled_free(&c);
	free(text);
}

/* ------------------------------------------------------------ the proof */

/* After a change of C's image. */
static void judge(struct compiled *c, const struct list *l, struct tally *t)
{
	struct prove_result r;
	struct asked a;

	if (!asked_prove(c, &r)) {
		t->refused++;
		if (r.has_witness) {
			t->witnesses++;
			return;
		}
	} else {
		t->proved++;
	}
	ask_all(&a, c, l, 1);
	assert_int_equal(a.wrong, 0);
}

static void change_tables(struct compiled *c, const struct list *l,
			  struct tally *t)
{
	const struct image_variable *v = asked_variable(c->image,
							"skpol_keys");

	assert_non_null(v);
	for (uint32_t at = 0; at < v->size; at++)
		for (uint32_t bit = at % 4; bit < 8; bit += 4) {
			c->image->rodata[v->offset + at] ^=
				(uint8_t)(1u << bit);
			judge(c, l, t);
			c->image->rodata[v->offset + at] ^=
				(uint8_t)(1u << bit);
		}
}

/* The first instruction of the look-up, and how many there are. */
static size_t code_of(const struct image *m, size_t *n)
{
	size_t first = first_load(m);

	*n = 50;
	return first > 10 ? first - 10 : 0;
}

static void change_code(struct compiled *c, const struct list *l,
			struct tally *t)
{
	size_t n, first = code_of(c->image, &n);

	for (size_t i = first; i < first + n; i++) {
		struct bpf_insn *v = &c->image->insns[i], old = *v;

		switch (i % 5) {
		case 0: v->imm ^= 1; break;
		case 1: v->off = (int16_t)(v->off + 8); break;
		case 2: v->code ^= 0x40; break;
		case 3: v->dst_reg = (v->dst_reg + 1) & 15; break;
		default: v->imm = (int32_t)((uint32_t)v->imm << 1);
		}
		judge(c, l, t);
		*v = old;
	}
}

static size_t lanes_in(const struct compiled *c)
{
	return asked_variable(c->image, "skpol_keys")->size /
		bucket_bytes(c) * lanes_of(c);
}

static void changes_of(struct list l, uint8_t kind)
{
	struct tally table = { 0 }, code = { 0 };
	char *text = policy_of(&l);
	struct compiled c;

	grow(&c, text, kind);
	is_of_kind(&c, kind);
	change_tables(&c, &l, &table);
	/* each change of a key or of its value; of the highest bit of a lane all
	 * that shows may be bits that nobody looks at */
	assert_true(table.refused <= table.witnesses + lanes_in(&c));
	assert_true(table.witnesses > 3 * l.n);
	change_code(&c, &l, &code);
	assert_true(code.refused > 30 && code.witnesses > 15);
	assert_true(asked_proved(&c));
	compiled_free(&c);
	free(text);
}

static void changes_show(void **state)
{
	(void)state;
	changes_of((struct list){ .family = 4, .length = 32, .n = 20 },
		   LONE_32);
	changes_of((struct list){ .family = 4, .length = 32, .n = 20 }, TWO);
	changes_of((struct list){ .family = 4, .length = 14, .n = 30,
				  .others = "s1" }, FOUR);
	changes_of((struct list){ .family = 4, .length = 24, .n = 30 },
		   LONE_64);
	changes_of((struct list){ .family = 6, .length = 64, .n = 10 },
		   LONE_64);
}

/* ------------------------------------------- what no single change makes */

static uint64_t wide_at(const struct bpf_insn *i)
{
	return (uint32_t)i->imm | (uint64_t)(uint32_t)i[1].imm << 32;
}

enum { BUCKETS = 64, FACTORS = 100000 };

struct table {			/* of buckets of one lane */
	unsigned int bits, value_bits;
	uint64_t factor, v[BUCKETS];
};

static uint64_t *bucket_of(struct table *t, uint64_t key)
{
	return &t->v[key * t->factor >> (64 - t->bits)];
}

/* Each key of FROM goes to where TO's factor leads; false: no room there. */
static bool move_keys(struct table *from, struct table *to,
		      const struct list *l)
{
	memset(to->v, 0, sizeof(to->v));
	for (uint32_t i = 0; i < l->n; i++) {
		uint64_t key = (uint64_t)(address(l, i) >> 64);
		uint64_t lane = *bucket_of(from, key);

		if (!lane || lane >> from->value_bits !=
		    key << from->bits >> from->bits)
			continue;
		if (*bucket_of(to, key))
			return false;
		*bucket_of(to, key) = lane;
	}
	return true;
}

/*
 * The first bucket's number is made of 32 bits of the key, the other's of all
 * 64. Keys are moved to where they would be if the first were made of 64 bits,
 * too: who does not see the difference sees a good program.
 */
static void first_is_narrow(struct compiled *c, const struct list *l)
{
	struct bpf_insn *i = &c->image->insns[first_load(c->image) - 8];
	uint8_t *tables = c->image->rodata + asked_variable(c->image,
							    "skpol_keys")->offset;
	unsigned int bits = 29 - (unsigned int)__builtin_clz(
		(uint32_t)i[4].imm);
	struct table to, from = {
		.bits = bits, .factor = wide_at(i),
		.value_bits = bits - (unsigned int)i[19].imm,
	};

	assert_true(1 << bits <= BUCKETS);
	memcpy(from.v, tables, (size_t)8 << bits);
	to = from;
	to.factor = 0x9e3779b1;
	for (int tries = 0; !move_keys(&from, &to, l); tries++) {
		assert_true(tries < FACTORS);
		to.factor = (uint32_t)(to.factor + 0x3c6ef372);
	}
	memcpy(tables, to.v, (size_t)8 << bits);
	i[0] = (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_K,
				  .dst_reg = 2 };
	i[1] = (struct bpf_insn){ .code = BPF_ALU | BPF_MOV | BPF_X,
				  .dst_reg = 2, .src_reg = 1 };
	i[2] = (struct bpf_insn){ .code = BPF_ALU | BPF_MUL | BPF_K,
				  .dst_reg = 2, .imm = (int32_t)to.factor };
	i[3] = (struct bpf_insn){ .code = BPF_ALU | BPF_RSH | BPF_K,
				  .dst_reg = 2, .imm = (int32_t)(29 - bits) };
}

static void buckets_of_two_widths(void **state)
{
	struct list l = { .family = 6, .length = 64, .n = 10 };
	char *text = policy_of(&l);
	struct compiled c;
	struct asked a;

	(void)state;
	grow(&c, text, LONE_64);
	first_is_narrow(&c, &l);
	ask_all(&a, &c, &l, 1);
	assert_true(a.wrong);
	assert_false(asked_proved(&c));
	compiled_free(&c);
	free(text);
}

/* Room for N instructions before AT, which only the one before it leads to. */
static void make_room(struct compiled *c, size_t at, size_t n)
{
	struct image *m = c->image;
	struct bpf_insn *v = arena_array(&c->arena, m->ninsns + n, sizeof(*v));

	for (size_t i = 0; i < at; i++) {
		struct bpf_insn *j = &m->insns[i];
		uint8_t class = BPF_CLASS(j->code);

		if ((class == BPF_JMP || class == BPF_JMP32) &&
		    BPF_OP(j->code) != BPF_CALL && BPF_OP(j->code) != BPF_EXIT &&
		    i + 1 + (size_t)j->off >= at)
			j->off = (int16_t)(j->off + (int)n);
	}
	memcpy(v, m->insns, at * sizeof(*v));
	memcpy(v + at + n, m->insns + at, (m->ninsns - at) * sizeof(*v));
	m->insns = v;
	m->ninsns += n;
	for (size_t i = 0; i < m->nrelocs; i++)
		m->relocs[i].insn += m->relocs[i].insn >= at ? (uint32_t)n : 0;
}

/* N instructions from FROM on, once more at TO, which is behind them. */
static void copy_code(struct compiled *c, size_t from, size_t n, size_t to)
{
	struct image *m = c->image;
	struct image_reloc *v = arena_array(&c->arena, 2 * m->nrelocs,
					    sizeof(*v));
	size_t nv = 0, old = 0;

	memcpy(&m->insns[to], &m->insns[from], n * sizeof(*m->insns));
	while (old < m->nrelocs && m->relocs[old].insn < to)
		v[nv++] = m->relocs[old++];
	for (size_t i = 0; i < old; i++)
		if (v[i].insn >= from && v[i].insn < from + n) {
			v[nv] = v[i];
			v[nv++].insn += (uint32_t)(to - from);
		}
	while (old < m->nrelocs)
		v[nv++] = m->relocs[old++];
	m->relocs = v;
	m->nrelocs = nv;
}

/* The last instruction before END that is I, but for immediate and offset. */
static size_t last_like(const struct image *m, size_t end, struct bpf_insn i)
{
	while (end-- > 0)
		if (m->insns[end].code == i.code &&
		    m->insns[end].dst_reg == i.dst_reg &&
		    m->insns[end].src_reg == i.src_reg)
			return end;
	fail();
	return 0;
}

/* Behind the last compare with an interface, its number is looked up as if it
 * were an address; what is found passes the default by. */
static void look_up_interface(struct compiled *c)
{
	const struct bpf_insn compare = { .code = BPF_JMP32 | BPF_JEQ | BPF_X,
					  .dst_reg = 1, .src_reg = 2 };
	const struct bpf_insn others = { .code = BPF_ALU64 | BPF_XOR | BPF_K,
					 .dst_reg = 2 };
	const struct bpf_insn verdict = { .code = BPF_ALU | BPF_MOV | BPF_K,
					  .dst_reg = 7 };
	struct image *m = c->image;
	size_t from = first_load(m) - 7;
	size_t at = last_like(m, m->ninsns, compare) + 1;
	size_t n = last_like(m, at, others) + 1 - from;
	size_t to = last_like(m, at, verdict);

	make_room(c, at, n + 1);
	copy_code(c, from, n, at);
	m->insns[at + n] = (struct bpf_insn){
		.code = BPF_JMP32 | BPF_JNE | BPF_K, .dst_reg = 2,
		.imm = m->insns[at + n - 1].imm,
		.off = (int16_t)((int)to - (int)(at + n) - 1),
	};
}

static char *policy_of_names(const struct list *l)
{
	char *text = malloc((size_t)(l->n + 20) * LINE_MAX), *to = text;
	char buf[46];

	to += sprintf(to, "policy t\nsocket a\nsocket b\nmap m by to {\n");
	for (uint32_t i = 0; i < l->n; i++)
		to += sprintf(to, "%s -> b\n",
			      print_address(buf, 4, address(l, i)));
	sprintf(to, "}\ntcp on \"eth0\" port 80 -> a\ntcp -> map m\n"
		"default -> drop\n");
	return text;
}

/* The proof counts names; those numbers are none of an interface. */
static void names_have_no_hash(void **state)
{
	struct list l = { .family = 4, .length = 32, .n = 20 };
	struct packet k = {
		.family = 6, .protocol = PACKET_TCP, .local_port = 80,
		.ifindex = (uint32_t)address(&l, 0),
	};
	char *text = policy_of_names(&l);
	struct compiled c;
	struct asked a;

	(void)state;
	grow(&c, text, 0);
	look_up_interface(&c);
	asked_begin(&a, &c);
	asked_packet(&a, &k);
	assert_int_equal(a.wrong, 1);
	assert_false(asked_proved(&c));
	compiled_free(&c);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words_of_32_bits),
		cmocka_unit_test(words_of_64_bits),
		cmocka_unit_test(when_it_is_worth_it),
		cmocka_unit_test(when_it_is_not),
		cmocka_unit_test(changes_show),
		cmocka_unit_test(buckets_of_two_widths),
		cmocka_unit_test(names_have_no_hash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
