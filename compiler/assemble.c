/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assemble - lines of text to code
 *
 * In: text. Out: code, its holes and its labels; or the first error. Promise:
 * linear in the text but for the names of .set and .equ, which are few.
 */
#include "assemble.h"

#include <string.h>

#include "../grammar/arena.h"
#include "assemble_match.h"

struct assembler {
	struct arena *a;
	struct assembled *out;
	struct assemble_error *error;
	struct matcher m;
	struct symbol *symbols;
	size_t nsymbols, symbols_cap, holes_cap, ways_cap;
	uint32_t *index;	/* way + 1 by name */
	size_t index_size;
	struct text line;
	unsigned int number;	/* of the line */
};

__attribute__((format(printf, 3, 4)))
static bool fail(struct assembler *s, const char *at, const char *fmt, ...)
{
	va_list ap;

	s->error->line = s->number;
	s->error->column = (unsigned int)(at - s->line.p) + 1;
	va_start(ap, fmt);
	vsnprintf(s->error->text, sizeof(s->error->text), fmt, ap);
	va_end(ap);
	return false;
}

/* ------------------------------------------------------------ labels */

static size_t index_slot(const struct assembler *s, const struct text *name)
{
	uint64_t h = 0xcbf29ce484222325;
	size_t i;

	for (const char *p = name->p; p < name->end; p++)
		h = (h ^ (unsigned char)*p) * 0x100000001b3;
	i = (h ^ h >> 32) & (s->index_size - 1);
	while (s->index[i] &&
	       !text_is(name, s->out->ways[s->index[i] - 1].name))
		i = (i + 1) & (s->index_size - 1);
	return i;
}

static void index_grow(struct assembler *s)
{
	s->index_size = s->index_size ? s->index_size * 4 : 64;
	s->index = arena_array(s->a, s->index_size, sizeof(*s->index));
	for (uint32_t i = 0; i < s->out->nways; i++) {
		const char *name = s->out->ways[i].name;
		struct text t = { name, name + strlen(name) };

		s->index[index_slot(s, &t)] = i + 1;
	}
}

static label label_of(struct assembler *s, const struct text *name)
{
	struct assembled *out = s->out;
	struct assembled_way *w;
	size_t slot;

	if (out->nways * 2 >= s->index_size)
		index_grow(s);
	slot = index_slot(s, name);
	if (s->index[slot])
		return out->ways[s->index[slot] - 1].label;
	w = arena_push(s->a, out->ways, out->nways, s->ways_cap);
	w->name = arena_strndup(s->a, name->p, (size_t)(name->end - name->p));
	w->label = code_label(&out->code);
	s->index[slot] = (uint32_t)out->nways;
	return w->label;
}

/* `name:` as often as there is one; T moves behind them. */
static bool labels(struct assembler *s, struct text *t)
{
	for (;;) {
		struct text rest = *t, name;
		label l;

		if (!text_name(&rest, &name))
			return true;
		text_skip(&rest);
		if (rest.p == rest.end || *rest.p != ':')
			return true;
		l = label_of(s, &name);
		if (s->out->code.labels[l] != LABEL_UNPLACED)
			return fail(s, t->p, "label %s stands twice",
				    s->out->ways[l].name);
		code_place(&s->out->code, l);
		rest.p++;
		text_skip(&rest);
		*t = rest;
	}
}

/* -------------------------------------------------------- directives */

static bool miss(struct assembler *s, const char *at)
{
	return fail(s, s->m.miss ? s->m.miss : at, "%s",
		    s->m.why ? s->m.why : "not a number");
}

static bool rest_is_empty(struct assembler *s, struct text *t)
{
	text_skip(t);
	return t->p == t->end || fail(s, t->p, "the line should end here");
}

/* NAME, NUMBER */
static bool declare(struct assembler *s, struct text *t, bool hole)
{
	struct symbol *y;
	struct number n;
	struct text name;

	if (!text_name(t, &name))
		return fail(s, t->p, "a name should stand here");
	for (size_t i = 0; i < s->nsymbols; i++)
		if (text_is(&name, s->symbols[i].name))
			return fail(s, name.p, "%s is declared twice",
				    s->symbols[i].name);
	text_skip(t);
	if (t->p == t->end || *t->p != ',')
		return fail(s, t->p, "a comma should stand here");
	t->p++;
	text_skip(t);
	s->m.miss = s->m.why = NULL;
	if (!match_number(&s->m, t, &n))
		return miss(s, t->p);
	if (hole && n.value)
		return fail(s, name.p, "a hole is 0; a constant is an .equ");
	y = arena_push(s->a, s->symbols, s->nsymbols, s->symbols_cap);
	y->name = arena_strndup(s->a, name.p, (size_t)(name.end - name.p));
	y->value = n.value;
	y->hole = hole;
	s->m.symbols = s->symbols;
	s->m.nsymbols = s->nsymbols;
	return rest_is_empty(s, t);
}

/* The eight bytes of one instruction. */
static bool raw(struct assembler *s, struct text *t)
{
	const char *at = t->p;
	struct number n;
	uint64_t v;

	s->m.miss = s->m.why = NULL;
	if (!match_number(&s->m, t, &n))
		return miss(s, at);
	v = (uint64_t)n.value;
	if (n.hole || (uint8_t)v == OPCODE_WIDE)
		return fail(s, at, "half an instruction of two slots, or a hole");
	emit(&s->out->code, (struct insn) {
		.code = (uint8_t)v, .dst = v >> 8 & 15, .src = v >> 12 & 15,
		.off = (int16_t)(v >> 16), .imm = (int32_t)(v >> 32),
		.map = IMAGE_NO_MAP, .target = NO_LABEL,
	});
	return rest_is_empty(s, t);
}

static bool directive(struct assembler *s, struct text t)
{
	struct text name;

	text_name(&t, &name);
	text_skip(&t);
	if (text_is(&name, ".set"))
		return declare(s, &t, true);
	if (text_is(&name, ".equ"))
		return declare(s, &t, false);
	if (text_is(&name, ".8byte"))
		return raw(s, &t);
	return fail(s, name.p, "no such directive: .set, .equ or .8byte");
}

/* ------------------------------------------------------ instructions */

static void note_hole(struct assembler *s, const struct number *n,
		      enum hole_field field)
{
	struct assembled *out = s->out;

	if (!n->hole)
		return;
	*arena_push(s->a, out->holes, out->nholes, s->holes_cap) =
		(struct assembled_hole) {
			.insn = (uint32_t)out->code.n, .field = field,
			.name = n->hole,
		};
}

static bool instruction(struct assembler *s, struct text t)
{
	struct operands v;
	const struct opcode *op = match(&s->m, t, &v);
	bool wide;

	if (!op)
		return fail(s, s->m.miss, "%s", s->m.why ? s->m.why :
			    "no instruction begins or goes on like this");
	wide = op->code == OPCODE_WIDE;
	note_hole(s, &v.imm, HOLE_IMM);
	note_hole(s, &v.off, HOLE_OFF);
	emit(&s->out->code, (struct insn) {
		.code = op->code, .dst = (uint8_t)(v.dst < 0 ? 0 : v.dst),
		.src = (uint8_t)(v.src < 0 ? 0 : v.src),
		.off = (int16_t)v.off.value,
		.imm = wide ? v.imm.value : (int32_t)v.imm.value,
		.map = v.map,
		.target = v.label.p ? label_of(s, &v.label) : NO_LABEL,
	});
	return !s->out->code.failed ||
	       fail(s, t.p, "more than %d instructions", CODE_MAX);
}

/* Cuts the comment off. */
static bool uncomment(struct assembler *s, struct text *t)
{
	text_skip(t);
	for (const char *p = t->p; p < t->end; p++) {
		bool begins = *p == '#' || (*p == ';' && p == t->p) ||
			(*p == '/' && p + 1 < t->end && p[1] == '/');

		if (begins)
			t->end = p;
		else if (*p == ';')
			return fail(s, p, "one instruction a line; a comment "
				    "begins with #");
	}
	return true;
}

static bool statement(struct assembler *s)
{
	struct text t = s->line;

	if (!uncomment(s, &t) || !labels(s, &t))
		return false;
	if (t.p == t.end)
		return true;
	return *t.p == '.' ? directive(s, t) : instruction(s, t);
}

bool assemble(struct arena *a, const char *text, size_t len,
	      struct assembled *out, struct assemble_error *error)
{
	struct assembler s = { .a = a, .out = out, .error = error };
	const char *end = text + len;

	*out = (struct assembled) { 0 };
	code_init(&out->code, a);
	for (; text < end; text = s.line.end + 1) {
		const char *eol = memchr(text, '\n', (size_t)(end - text));

		s.number++;
		s.line = (struct text) { text, eol ? eol : end };
		if (!statement(&s))
			return false;
	}
	return true;
}
