/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * assemble_match - a text walks along each pattern until one fits
 *
 * In: text. Out: operands. Of all the misses the one is told that has a
 * reason, then the one farthest in the text.
 */
#include "assemble_match.h"

#include <ctype.h>
#include <string.h>

/* A walk: the text not yet read, and what was read so far. */
struct walk {
	struct matcher *m;
	struct text t;
	struct operands *out;
};

static bool in_word(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '.' || c == '$';
}

static bool miss(struct matcher *m, const char *at, const char *why)
{
	if (!m->miss || (why && !m->why) || (!!why == !!m->why && at > m->miss)) {
		m->miss = at;
		m->why = why;
	}
	return false;
}

void text_skip(struct text *t)
{
	while (t->p < t->end && (*t->p == ' ' || *t->p == '\t' ||
				 *t->p == '\r'))
		t->p++;
}

bool text_name(struct text *t, struct text *name)
{
	const char *p = t->p;

	if (p == t->end || !in_word(*p) || isdigit((unsigned char)*p))
		return false;
	while (p < t->end && in_word(*p))
		p++;
	*name = (struct text) { t->p, p };
	t->p = p;
	return true;
}

bool text_is(const struct text *t, const char *s)
{
	size_t n = (size_t)(t->end - t->p);

	return strlen(s) == n && !memcmp(t->p, s, n);
}

/* ----------------------------------------------------------- numbers */

static int digit(char c, unsigned int base)
{
	static const char digits[] = "0123456789abcdef";
	const char *d = c ? strchr(digits, tolower((unsigned char)c)) : NULL;

	return d && d - digits < (int)base ? (int)(d - digits) : -1;
}

/* Digits, after a sign if there was one. */
static bool literal(struct matcher *m, struct text *t, struct number *out)
{
	const char *p = t->p;
	unsigned int base = 10;
	uint64_t v = 0;

	if (t->end - p > 2 && p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) {
		base = 16;
		p += 2;
	}
	if (p == t->end || digit(*p, base) < 0)
		return miss(m, p, NULL);
	for (; p < t->end && digit(*p, base) >= 0; p++)
		if (__builtin_mul_overflow(v, base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)digit(*p, base), &v))
			return miss(m, t->p, "a number of more than 64 bits");
	if (out->negative && v > (uint64_t)INT64_MAX + 1)
		return miss(m, t->p, "a number of more than 64 bits");
	out->value = (int64_t)(out->negative ? -v : v);
	out->negative &= v != 0;
	t->p = p;
	return true;
}

static bool symbolic(struct matcher *m, struct text *t, struct number *out)
{
	struct text rest = *t, name;

	if (!text_name(&rest, &name))
		return miss(m, t->p, NULL);
	for (size_t i = 0; i < m->nsymbols; i++) {
		const struct symbol *s = &m->symbols[i];

		if (!text_is(&name, s->name))
			continue;
		out->value = s->value;
		out->negative = s->value < 0;
		out->hole = s->hole ? s->name : NULL;
		*t = rest;
		return true;
	}
	return miss(m, t->p, "a name that no .set or .equ before declares");
}

bool match_number(struct matcher *m, struct text *t, struct number *out)
{
	struct text rest = *t;

	*out = (struct number) { 0 };
	if (rest.p < rest.end && *rest.p == '-') {
		out->negative = true;
		rest.p++;
	} else if (rest.p < rest.end && !isdigit((unsigned char)*rest.p)) {
		return symbolic(m, t, out);
	}
	if (!literal(m, &rest, out))
		return false;
	*t = rest;
	return true;
}

static bool within(const struct number *n, int64_t low, int64_t high)
{
	return n->negative ? n->value >= low :
		(uint64_t)n->value <= (uint64_t)high;
}

/* ---------------------------------------------------------- operands */

static bool reg(struct walk *w, char letter, int *out)
{
	struct text rest = w->t, name;
	int n;

	if (!text_name(&rest, &name) || *name.p != letter ||
	    name.end - name.p < 2 || name.end - name.p > 3)
		return miss(w->m, w->t.p, NULL);
	n = digit(name.p[1], 10);
	if (n >= 0 && name.end - name.p == 3)
		n = n == 1 && name.p[2] == '0' ? 10 : -1;
	if (n < 0)
		return miss(w->m, w->t.p, NULL);
	if (*out >= 0 && *out != n)
		return miss(w->m, w->t.p, "another register than the first");
	*out = n;
	w->t = rest;
	return true;
}

static bool immediate(struct walk *w, int64_t high)
{
	const char *at = w->t.p;

	if (!match_number(w->m, &w->t, &w->out->imm))
		return false;
	return within(&w->out->imm, INT32_MIN, high) ||
	       miss(w->m, at, "a number that 32 bits do not hold");
}

/* ` + 8`, ` - 8`, or nothing */
static bool offset(struct walk *w)
{
	struct number *off = &w->out->off;
	const char *at;
	bool minus;

	text_skip(&w->t);
	at = w->t.p;
	if (at == w->t.end || (*at != '+' && *at != '-'))
		return true;
	minus = *w->t.p++ == '-';
	text_skip(&w->t);
	if (!match_number(w->m, &w->t, off))
		return false;
	if (minus && off->hole)
		return miss(w->m, at, "a hole cannot be subtracted");
	if (!within(off, INT16_MIN, minus ? -INT16_MIN : INT16_MAX) ||
	    (minus && off->value == INT16_MIN))
		return miss(w->m, at, "an offset that 16 bits do not hold");
	if (minus)
		off->value = -off->value;
	return true;
}

static uint8_t map_number(const struct text *name)
{
	for (uint8_t i = 0; i < IMAGE_MAPS; i++)
		if (text_is(name, map_names[i]))
			return i;
	return IMAGE_NO_MAP;
}

/* 64 bits, `sockets`, or `skpol_rodata + 8` */
static bool wide(struct walk *w)
{
	struct text rest = w->t, name;
	uint8_t map = text_name(&rest, &name) ? map_number(&name) :
		IMAGE_NO_MAP;

	if (map == IMAGE_NO_MAP)
		return match_number(w->m, &w->t, &w->out->imm);
	w->out->map = map;
	w->t = rest;
	text_skip(&rest);
	if (map != IMAGE_RODATA || rest.p == rest.end || *rest.p != '+')
		return true;
	rest.p++;
	text_skip(&rest);
	w->t = rest;
	if (!match_number(w->m, &w->t, &w->out->imm))
		return false;
	return within(&w->out->imm, 0, UINT32_MAX) ||
	       miss(w->m, rest.p, "an offset that 32 bits do not hold");
}

static bool operand(struct walk *w, char letter)
{
	switch (letter) {
	case 'd':
		return reg(w, 'r', &w->out->dst);
	case 'D':
		return reg(w, 'w', &w->out->dst);
	case 's':
		return reg(w, 'r', &w->out->src);
	case 'S':
		return reg(w, 'w', &w->out->src);
	case 'i':
		return immediate(w, INT32_MAX);
	case 'u':
		return immediate(w, UINT32_MAX);
	case 'o':
		return offset(w);
	case 'm':
		return wide(w);
	case 'l':
	case 'L':
		return text_name(&w->t, &w->out->label) ||
		       miss(w->m, w->t.p, NULL);
	default:		/* %% */
		if (w->t.p == w->t.end || *w->t.p != letter)
			return miss(w->m, w->t.p, NULL);
		w->t.p++;
		return true;
	}
}

/* The blank of a pattern: may be left out, but not between two words. */
static bool blank(struct walk *w, const char *begin)
{
	const char *p = w->t.p;

	text_skip(&w->t);
	if (w->t.p == p && p > begin && p < w->t.end && in_word(p[-1]) &&
	    in_word(*p))
		return miss(w->m, p, NULL);
	return true;
}

static bool walk(struct walk *w, const char *pattern)
{
	const char *begin = w->t.p;

	for (; *pattern; pattern++) {
		if (*pattern == ' ') {
			if (!blank(w, begin))
				return false;
		} else if (*pattern == '%') {
			if (!operand(w, *++pattern))
				return false;
		} else if (w->t.p == w->t.end || *w->t.p != *pattern) {
			return miss(w->m, w->t.p, NULL);
		} else {
			w->t.p++;
		}
	}
	text_skip(&w->t);
	return w->t.p == w->t.end || miss(w->m, w->t.p, NULL);
}

const struct opcode *match(struct matcher *m, struct text t,
			   struct operands *out)
{
	m->miss = m->why = NULL;
	for (size_t i = 0; i < nopcodes; i++) {
		struct walk w = { m, t, out };

		*out = (struct operands) { .dst = -1, .src = -1,
					   .map = IMAGE_NO_MAP };
		out->imm.value = opcodes[i].imm;
		if (walk(&w, opcodes[i].pattern))
			return &opcodes[i];
	}
	return NULL;
}
