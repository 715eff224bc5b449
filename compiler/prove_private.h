/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * prove_private - what the files of the proof share; nobody else includes it
 *
 * prove.c walks program and rules together; prove_rule.c is the rules, cut
 * down word by word; prove_run.c runs a stretch of code for all values of one
 * word (prove_value.h), prove_ahead.c looks ahead; prove_leaf.c, prove_decide.c
 * and prove_split.c are the ends of paths; prove_forest.c puts trees together;
 * prove_hosts.c and prove_products.c are what is looked up before, prove_keys.c
 * what a hash finds, and such code prove_match.c knows by heart;
 * prove_witness.c finds a packet, of which prove_judge.c says that it differs.
 */
#ifndef SKPOL_PROVE_PRIVATE_H
#define SKPOL_PROVE_PRIVATE_H

#include "../grammar/arena.h"
#include "interp.h"
#include "prove.h"

enum prove_word {
#define WORD(id, field, shift, offset, load) PW_##id,
#include "word.def"
#undef WORD
	PW_COUNT,
	PW_ZONE = PW_COUNT,	/* + field: its zone (prove_zone.c) */
	PW_HASH = PW_ZONE + FIELD_COUNT,	/* the value of a split */
	PW_NONE,
};

enum prove_load { PROVE_HOST, PROVE_BE32, PROVE_BE16 };

struct prove_word_info {
	uint8_t field, shift, offset, load;
};
extern const struct prove_word_info prove_words[PW_COUNT];

struct range {
	uint32_t low, high;	/* both inside */
};

/* ---------------------------------------------------------- the program */

enum target_kind { TO_BLOCK, TO_EXIT, TO_DECIDE, TO_SPLIT, TO_ZONE, TO_FAULT,
		   TO_HOSTS,	/* records, see prove_hosts.c */
		   TO_PRODUCTS,	/* tables, see prove_products.c */
		   TO_LEFT };	/* somewhere else, for all packets */

struct target {			/* where a stretch of code leads */
	uint32_t kind, pc;
	uint32_t value;		/* of R0, or the step in r7 */
	uint32_t kept;		/* what r5, r7, r8, r9 hold, 4 bits each */
	uint32_t row;		/* 1 + the offset in .rodata that is in r3; 0 */
};

struct piece {
	uint64_t low, high;
	struct target to;
};

/* From one pc, for all values of one word; or of two, where it is wide. */
struct stretch {
	struct target at;
	uint32_t word;		/* PW_NONE: leads to one target */
	bool wide;		/* values are of WORD << 32 and the next one */
	uint64_t low, high;	/* for which it was run */
	struct piece *v;
	size_t n, cap;
};

/* ------------------------------------------------------------ the rules */

/* What is done with a packet, without who decided it. */
struct deed {
	const struct split *split;
	uint32_t outcome;
};

/* A term as far as it is still open: fields known to be inside are 0. */
struct open_term {
	uint32_t set[FIELD_COUNT];	/* index of a set, 0 = any */
	uint32_t without[FIELD_COUNT];	/* the same with one field less, or 0 */
	uint32_t deed;
	uint32_t fields;		/* mask of those that are open */
};

struct node {			/* the terms still possible, in order */
	const uint32_t *v;
	uint32_t n;
	uint32_t fields;	/* mask of those open in some term */
	uint32_t hash;
	uint32_t depth[2];	/* words known of local, remote IPv6 address */
	u128 prefix[2];
};

struct segment {		/* values for which a term is possible */
	uint32_t low, high, item;
	bool whole;		/* the field is inside, else still open */
};

struct pieces;

struct level {			/* scratch of one depth of the recursion */
	const struct pieces *asked;	/* see rule_sweep() */
	struct segment *v, *active;
	uint32_t *free, *items;
	size_t n, cap, nactive, active_cap, nfree, free_cap, nitems,
	       items_cap;
};

struct table {			/* open addressing; 0 = empty */
	uint32_t *v;
	size_t n, size;
};

struct state {			/* visited */
	struct target at;
	uint32_t node;
	uint32_t kinds;		/* possible families and protocols */
	uint32_t tree;		/* that must be ended by its own join, or 0 */
	uint64_t boxes;		/* of words known that are read again */
	bool open;		/* the walk is below it */
};

struct compat {
	struct target at;
	uint32_t deed, kinds;
	bool ok;
};

struct decide;
struct prove_hosts;
struct prove_keys;
struct prove_products;

enum { PROVE_DEPTH = 256, PROVE_STATES = 4000000,
       PROVE_MEETINGS = 100000000 };

struct prove {
	struct arena *a;
	const struct policy *policy;
	const struct image *image;
	struct prove_result *out;
	struct range box[PW_COUNT];
	uint32_t *reloc;		/* by instruction: its number + 1 */
	uint16_t *live;			/* by instruction: words read from here */
	uint32_t slots, interfaces, interfaces_end;
	struct stretch **stretch;	/* by instruction */

	const struct iset **sets;
	size_t nsets, sets_cap;
	struct table set_table;
	struct open_term *terms;
	size_t nterms, terms_cap;
	struct table term_table;
	struct deed *deeds;
	size_t ndeeds, deeds_cap;
	uint32_t *deed_of_action;
	struct node *nodes;
	size_t nnodes, nodes_cap;
	struct table node_table;
	struct state *states;
	size_t nstates, states_cap;
	struct table state_table;
	struct compat *compats;
	size_t ncompats, compats_cap;
	struct table compat_table;
	struct level level[PROVE_DEPTH];
	uint32_t depth;
	struct decide *decides;
	uint64_t meetings;		/* of a range of the program and a node */
	const struct prove_forest *forest;	/* or NULL: all is in one diagram */
	struct prove_hosts *hosts;	/* or NULL */
	struct prove_products *products;	/* or NULL */
	struct prove_keys **keys;	/* by instruction, where looked for */
	bool strange;			/* see keys_are_clean() */
	const struct stretch *zone[FIELD_COUNT];	/* that finds it, or NULL */
	struct {			/* of a forest, being walked */
		bool inside;
		uint32_t number;	/* 1: the first; 0: outside */
		uint32_t join;		/* where its leaves meet; 0 = not yet */
		uint32_t none;		/* ranks from here on are no rule's */
	} tree;
	const char *why;
	uint32_t why_pc;		/* where code is not understood */
};

/* Of a table: the slot that EQUAL says, or an empty one. */
typedef bool table_equal(const struct prove *p, uint32_t i, const void *key);
uint32_t *prove_find(struct prove *p, struct table *t, uint64_t hash,
		     table_equal *equal, const void *key);
/* After V was stored into the slot. GROWN must rehash by HASH_OF. */
typedef uint64_t table_hash(const struct prove *p, uint32_t i);
void prove_added(struct prove *p, struct table *t, table_hash *hash_of);
uint64_t prove_hash(uint64_t h, uint64_t v);

/* Sets p->why; false. */
bool prove_fail(struct prove *p, const char *why);
/* The same, and that nothing is known: no fault was found. */
bool prove_give_up(struct prove *p, const char *why);

/* prove.c: the box becomes that of all packets */
void prove_whole(struct prove *p);

/* AT, for all packets, does what the rules of NODE say */
bool prove_walk(struct prove *p, struct target at, uint32_t node);

/* NODE at AT, which leads where S says */
bool prove_meet(struct prove *p, struct target at, uint32_t node,
		const struct stretch *s);

/* prove_match.c: a place in the program. A match goes on behind it; without one
 * only relays may have been followed. */
struct matcher {
	struct prove *p;
	uint32_t pc;
};
/* Instructions as they are wanted. */
#define ALU32_K(op, dst, value) \
	{ .code = BPF_ALU | (op) | BPF_K, .dst_reg = (dst), \
	  .imm = (int32_t)(value) }
#define ALU64_K(op, dst, value) \
	{ .code = BPF_ALU64 | (op) | BPF_K, .dst_reg = (dst), \
	  .imm = (int32_t)(value) }
#define ALU64_X(op, dst, src) \
	{ .code = BPF_ALU64 | (op) | BPF_X, .dst_reg = (dst), .src_reg = (src) }
#define LOAD(size, dst, src, offset) \
	{ .code = BPF_LDX | BPF_MEM | (size), .dst_reg = (dst), \
	  .src_reg = (src), .off = (offset) }
#define COUNT(v) (sizeof(v) / sizeof(*(v)))
/* The next instruction that does something, or NULL. */
const struct bpf_insn *match_here(struct matcher *m);
/* r6 = the context: how a program begins */
bool match_context(struct matcher *m);
bool match_one(struct matcher *m, const struct bpf_insn *want);
static inline bool match_this(struct matcher *m, struct bpf_insn want)
{
	return match_one(m, &want);
}
bool match_all(struct matcher *m, const struct bpf_insn *v, size_t n);
/* WANT but for its number. */
bool match_any_imm(struct matcher *m, struct bpf_insn want, int32_t *imm);
/* A jump that may be taken, TO where something is done. */
bool match_jump(struct matcher *m, struct bpf_insn want, int32_t *imm,
		uint32_t *to);
/* REG = 64 bits; or where VALUE is in .rodata. */
bool match_wide(struct matcher *m, uint8_t reg, uint64_t *value, bool *table);
/* REG = a place in .rodata. */
bool match_table(struct matcher *m, uint8_t reg, uint32_t *offset);
/* REG = these 64 bits. */
bool match_imm64(struct matcher *m, uint8_t reg, uint64_t want);
/* Whether r1 is loaded from the packet at M, as where sockets begin to be tried: of
 * what it held before, prove_decide.c knows nothing. */
bool match_decides(struct matcher *m);
/* Whether SIZE bytes of .rodata at OFFSET are none that the runtime writes. */
bool match_constant(const struct prove *p, uint64_t offset, uint64_t size);

/* prove_keys.c: false: some table of keys has lanes that others differ by, for
 * keys that were not gone through. */
bool keys_are_clean(struct prove *p);

/* prove_hosts.c */
/* Where hosts are looked up at PC: whether that is right, and PC is behind. */
bool hosts_proved(struct prove *p, uint32_t *pc);
bool hosts_visit(struct prove *p, struct target at, uint32_t node);
/* Whether the records say what is done with all packets of T, so that none of them
 * goes on; if not, the box is of such packets. */
bool hosts_answer(struct prove *p, const struct term *t);

/* prove_products.c */
/* Where IPv4 packets are looked up in tables at PC: whether that is understood, and
 * PC is behind, where all others go. */
bool products_found(struct prove *p, uint32_t *pc);
/* Where the walk begins: REST is what all others do. */
struct target products_begin(struct prove *p, struct target rest);
bool products_visit(struct prove *p, struct target at, uint32_t node);
/* false: some numbers were not gone through, there were too many kinds of them. */
bool products_are_clean(struct prove *p);

/* prove_forest.c */
enum { TREE_NOTHING = UINT32_MAX };	/* deed: no rule of this tree */
bool forest_proved(struct prove *p);
/* A deed is a rank here: whether AT is the end of the tree with it. */
bool tree_leaf_fits(struct prove *p, struct target at, uint32_t deed);

/* prove_zone.c */
enum { ZONE_SLOT = 16, ZONE_LAST = 0x7fff };
#define ZONE_ONES 0x0001000100010001u
/* The field whose zone is at OFFSET of the stack, or FIELD_COUNT. */
uint32_t zone_field(int32_t offset);
/* Reads the code at PC that stores zones, and leaves it behind. */
bool zones_found(struct prove *p, uint32_t *pc);
/* The zones of the values of the field F that are in the box. */
struct range zone_box(const struct prove *p, uint32_t f);
/* S, of a zone, becomes one of the word that the zone is of. */
void zone_opened(struct prove *p, struct stretch *s);

/* prove_rule.c */
void rule_begin(struct prove *p);
uint32_t rule_root(struct prove *p);
/* The same without the terms that are in no diagram, and that hosts answer. */
uint32_t rule_left(struct prove *p);
/* The terms of one tree, and then whatever holds no packet of them. */
uint32_t rule_tree(struct prove *p, uint32_t tree);
/* How many words of the field of W are known before W. */
bool rule_is_open(const struct prove *p, uint32_t node, uint32_t field);
uint32_t rule_next_word(const struct prove *p, uint32_t node, uint32_t field);
typedef bool rule_each(struct prove *p, uint32_t node, struct range r,
		       void *ctx);
/* Cuts NODE by the values of WORD, rising: it is wholly known in each range that
 * EACH is called with. ASKED: what is asked for, or NULL; of a range in which some
 * of it is left, only for those pieces that are not. */
struct pieces {
	const struct piece *v;	/* rising, one behind the other */
	size_t n;
};
bool rule_sweep(struct prove *p, uint32_t node, uint32_t word,
		const struct pieces *asked, rule_each *each, void *ctx);

/* prove_ahead.c */
void run_prepare(struct prove *p);
/* Where code begins that stretches never enter: what puts r1 into r7. */
bool run_is_end(const struct bpf_insn *i);
/* A jump that is taken or not; one that always is. */
bool run_is_compare(const struct bpf_insn *i);
bool run_is_goto(const struct bpf_insn *i);
/* Where the jump I at PC leads, which may be outside. */
int64_t run_jump(const struct bpf_insn *i, int64_t pc);
/* Behind the code from PC on, whose jumps go forward. */
size_t run_code_end(const struct prove *p, uint32_t pc);

/* prove_run.c */
const struct stretch *run_stretch(struct prove *p, struct target at);
/* Behind the pieces that S has: LOW to HIGH lead TO; one piece with the last one, if
 * that leads there, too. */
void run_add_piece(struct prove *p, struct stretch *s, uint64_t low,
		   uint64_t high, struct target to);
/* Where code leads that knows nothing but the context and a number in REG. */
struct target run_number(struct prove *p, uint32_t pc, uint8_t reg,
			 uint64_t n);
/* Where code that finds a zone leads, for each value of one word. */
const struct stretch *run_zone(struct prove *p, uint32_t pc);
/* The tree over the hash of a split, which is in r1. */
void run_hash(struct prove *p, uint32_t pc, struct stretch *out);

/* prove_leaf.c: whether AT does what DEED says for packets of KINDS */
bool leaf_fits(struct prove *p, struct target at, uint32_t deed,
	       uint32_t kinds);
bool leaf_outcome(struct prove *p, struct target at, uint32_t outcome,
		  uint32_t kinds);

/* prove_decide.c */
bool decide_fits(struct prove *p, uint32_t pc, uint32_t row,
		 uint32_t outcome, uint32_t kind);
/* Whether RULE's packet sends an event to L, which is as it is then. */
bool prove_sends(const struct policy *p, uint32_t rule, bool full,
		 struct image_listener *l);
/* Kinds of listeners, for RULE; the first one hears everything. */
enum { PROVE_LISTENERS = 8 };
#define PROVE_JIFFIES ((uint64_t)0x123456789abcdef0)
void prove_listener(uint32_t i, uint32_t rule, struct image_listener *l);
/* What every counter holds before a packet comes. */
extern const struct image_counter prove_before;
/* No counter was touched that should not be. */
bool decide_clean(const struct prove *p);

/* prove_split.c */
bool split_fits(struct prove *p, uint32_t pc, const struct split *s,
		uint32_t kinds);

/* prove_witness.c: a packet that differs, of the box if there is one; into
 * p->out */
void witness_of_box(struct prove *p, struct arena *out);

/* prove_hash.c: V with another low half of an address, so that the hash of S is
 * VALUE; false: nothing was found */
bool hash_packet(struct arena *a, const struct split *s, uint32_t value,
		 u128 v[FIELD_COUNT]);

/* prove_judge.c */
enum { PROVE_ERRORS = 5, PROVE_CHAIN = 64 };
extern const int16_t prove_errors[PROVE_ERRORS];	/* of a refusal */
struct judge;
struct judge *judge_new(struct prove *p);
/* Whether the packet V is treated differently; then it is in p->out. */
bool judge_differs(struct judge *j, const u128 v[FIELD_COUNT],
		   struct arena *a);

#endif
