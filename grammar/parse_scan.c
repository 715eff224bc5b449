/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * parse_scan - what lies between scanner and parser
 *
 * In: bare tokens. Out: tokens of which it is known whether a brace opens a
 * block of statements or a list, whether a newline may end the statement, and
 * which "##" lines belong to them. Promise: each text of a name exists once,
 * so a million entries that name one socket cost one name.
 */
#include <string.h>

#include "parse_state.h"
#include "parser.h"

static uint32_t hash_of(const char *text, size_t len)
{
	uint32_t h = 2166136261u;

	for (size_t i = 0; i < len; i++)
		h = (h ^ (uint8_t)text[i]) * 16777619u;
	return h;
}

static struct symbol *find(struct symbol *table, size_t cap, const char *text,
			   size_t len, uint32_t hash)
{
	size_t i = hash & (cap - 1);

	while (table[i].text && (table[i].hash != hash ||
				 table[i].length != len ||
				 memcmp(table[i].text, text, len)))
		i = (i + 1) & (cap - 1);
	return &table[i];
}

static void widen(struct parse *p)
{
	size_t cap = p->symbols_cap * 2;
	struct symbol *wide = arena_array(p->arena, cap, sizeof(*wide));

	for (size_t i = 0; i < p->symbols_cap; i++) {
		const struct symbol *y = &p->symbols[i];

		if (y->text)
			*find(wide, cap, y->text, y->length, y->hash) = *y;
	}
	p->symbols = wide;
	p->symbols_cap = cap;
}

static void add_keywords(struct parse *p)
{
	static const struct { const char *text; int token; } keywords[] = {
#define KEYWORD(token, text) { text, T_##token },
#include "keyword.def"
#undef KEYWORD
	};
	bool is_new;

	p->symbols_cap = 256;
	p->symbols = arena_array(p->arena, p->symbols_cap,
				 sizeof(*p->symbols));
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		symbol_get(p, keywords[i].text, strlen(keywords[i].text),
			   &is_new)->token = keywords[i].token;
}

struct symbol *symbol_get(struct parse *p, const char *text, size_t len,
			  bool *is_new)
{
	/* What is too long is reported, and kept up to a limit. */
	size_t keep = len > 1024 ? 1024 : len;
	uint32_t hash = hash_of(text, keep);
	struct symbol *y;

	if (!p->symbols)
		add_keywords(p);
	y = find(p->symbols, p->symbols_cap, text, keep, hash);
	*is_new = !y->text;
	if (y->text)
		return y;
	if (++p->nsymbols > p->symbols_cap / 2) {
		widen(p);
		y = find(p->symbols, p->symbols_cap, text, keep, hash);
	}
	*y = (struct symbol) { arena_strndup(p->arena, text, keep),
			       (uint32_t)keep, hash, T_NAME };
	return y;
}

/* One "##" line; the lines of a description are joined by newlines. */
void scan_describe(struct scan *s, const char *text, size_t len)
{
	struct arena *a = s->parse->arena;
	size_t need = s->pending_len + len + 2;

	if (len && *text == ' ') {
		text++;
		len--;
	}
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	if (need > s->pending_cap)
		s->pending = arena_grow(a, s->pending, &s->pending_cap, need,
					1);
	if (s->pending_len)
		s->pending[s->pending_len - 1] = '\n';
	memcpy(s->pending + s->pending_len, text, len);
	s->pending_len += len + 1;
	s->pending[s->pending_len - 1] = '\0';
}

static void attach(struct scan *s, uint32_t begin)
{
	struct arena *a = s->parse->arena;
	struct description *d = arena_push(a, s->descriptions,
					   s->ndescriptions,
					   s->descriptions_cap);

	d->begin = begin;
	d->text = arena_strndup(a, s->pending, s->pending_len - 1);
	s->pending_len = 0;
}

const char *scan_description(const struct scan *s, struct place at)
{
	size_t low = 0, high = s->ndescriptions;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (s->descriptions[mid].begin < at.begin)
			low = mid + 1;
		else
			high = mid;
	}
	return low < s->ndescriptions &&
		s->descriptions[low].begin == at.begin ?
		s->descriptions[low].text : NULL;
}

static bool ends_statement(int token)
{
	switch (token) {
	case T_NAME: case T_INTEGER: case T_PERCENT: case T_ADDRESS:
	case T_PREFIX: case T_STRING: case T_PASS: case T_DROP: case T_ANY:
	case T_TCP: case T_UDP: case T_IP4: case T_IP6: case T_COUNT:
	case T_TRACE: case T_NO_REUSEPORT: case T_REPLACE: case T_RBRACE:
	case T_BLOCK_END:
		return true;
	}
	return false;
}

static bool takes_set(int token)
{
	return token == T_TO || token == T_FROM || token == T_PORT ||
		token == T_ON || token == T_NOT;
}

static int open_brace(struct scan *s, struct place at)
{
	/* a map is no part of a block, and its entries have lists only */
	bool block = !s->lists && !s->map_block &&
		((s->first == T_WHEN && !takes_set(s->previous)) ||
		 (s->first == T_MAP && s->previous != T_EQUALS &&
		  !s->blocks));

	if (s->nopen < OPEN_KEPT)
		s->open[s->nopen] = at;
	s->nopen++;
	if (!block) {
		s->lists++;
		return T_LBRACE;
	}
	s->blocks++;
	if (s->first == T_MAP)
		s->map_block = s->blocks;
	return T_BLOCK;
}

static int close_brace(struct scan *s)
{
	if (s->nopen)
		s->nopen--;
	if (s->lists) {
		s->lists--;
		return T_RBRACE;
	}
	if (!s->blocks)
		return T_RBRACE;
	if (s->map_block == s->blocks)
		s->map_block = 0;
	s->blocks--;
	return T_BLOCK_END;
}

/* A line that begins like this is no part of a list: a brace is missing. */
static void leave_lists(struct scan *s, int token)
{
	if (!s->fresh_line || !s->lists)
		return;
	if (token != T_POLICY && token != T_INCLUDE && token != T_SOCKET &&
	    token != T_SET && token != T_WHEN && token != T_EXPECT)
		return;
	s->nopen -= s->lists;
	s->lists = 0;
	s->first = NO_TOKEN;
}

static void begin_statement(struct scan *s, int token, struct place at)
{
	s->first = token;
	s->first_at = at;
}

int scan_note(struct scan *s, int token, struct place at)
{
	struct parse *p = s->parse;

	leave_lists(s, token);
	if (token == T_LBRACE)
		token = open_brace(s, at);
	else if (token == T_RBRACE)
		token = close_brace(s);
	if (s->pending_len && token != T_END && token != T_YYEOF)
		attach(s, at.begin);
	if ((token == T_END && !s->lists) || token == T_BLOCK)
		s->first = NO_TOKEN;
	else if (token == T_BLOCK_END)
		s->first = token;
	else if (s->first == NO_TOKEN && token != T_END)
		begin_statement(s, token, at);
	if (s->first == token && !s->blocks) {
		p->saw_policy |= token == T_POLICY;
		p->saw_default |= token == T_DEFAULT && !s->map;
	}
	if (token != T_END)
		s->fresh_line = false;
	s->can_end = ends_statement(token);
	s->before = s->previous;
	s->previous = token;
	return token;
}

/* In panic: is TOKEN where the parser can go on? */
bool scan_resumes(struct scan *s, int token)
{
	bool here = s->blocks == s->panic_blocks;

	if (token == T_YYEOF ||
	    (token == T_END && here && !s->lists) ||
	    (token == T_BLOCK && s->blocks == s->panic_blocks + 1) ||
	    (token == T_BLOCK_END && s->blocks < s->panic_blocks)) {
		s->panic = false;
		return true;
	}
	return false;
}

void scan_begin_restart(struct scan *s, int token, struct place at,
			size_t blocks)
{
	s->restart = true;
	s->restart_blocks = blocks;
	s->start = token;
	s->start_place = at;
}

/* One token of those that end what is open; the last is an END. */
int scan_restart(struct scan *s, struct place *at)
{
	*at = (struct place) { s->file, s->start_place.begin,
			       s->start_place.begin };
	if (s->blocks > s->restart_blocks)
		return scan_note(s, s->previous == T_BLOCK_END ? T_END :
				 T_RBRACE, *at);
	s->restart = false;
	scan_note(s, T_END, *at);
	s->fresh_line = true;
	scan_note(s, s->start, s->start_place);
	return T_END;
}
