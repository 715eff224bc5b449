/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * print_verdict - verdicts, map entries and whole rules, in normalized form
 *
 * In: parts of the tree. Out: one line each. What is meant when nothing is
 * said (`else drop`, `port 0-65535` of a map entry) is not said; the order of
 * a chain, of shares and of keys has a meaning and is kept.
 */
#include "print.h"

#include <string.h>

#include "print_text.h"

static void text_chain(struct text *t, const struct ast_verdict *v)
{
	for (size_t i = 0; i < v->nchain; i++) {
		const struct ast_choice *c = &v->chain[i];

		if (i || v->kind == AST_SPLIT)
			text_add(t, " else ");
		text_add(t, c->socket.text);
		if (c->flags & AST_NO_REUSEPORT)
			text_add(t, " no-reuseport");
		if (c->flags & AST_REPLACE)
			text_add(t, " replace");
	}
	if (v->tail_said && v->tail == AST_PASS)
		text_add(t, " else pass");
}

/* Millionths as a percentage: 12500 is 1.25%. */
static void text_percent(struct text *t, uint32_t parts)
{
	unsigned int whole = parts / 10000, rest = parts % 10000;
	int digits = 4;

	if (!rest) {
		text_addf(t, "%u%%", whole);
		return;
	}
	for (; rest % 10 == 0; rest /= 10)
		digits--;
	text_addf(t, "%u.%0*u%%", whole, digits, rest);
}

static const char *const split_keys[] = {
	[AST_KEY_TO] = "to", [AST_KEY_FROM] = "from",
	[AST_KEY_PORT] = "to port", [AST_KEY_FROM_PORT] = "from port",
	[AST_KEY_ON] = "on",
};

static const char *const map_keys[] = {
	[AST_KEY_TO] = "to", [AST_KEY_FROM] = "from", [AST_KEY_PORT] = "port",
	[AST_KEY_FROM_PORT] = "from port", [AST_KEY_ON] = "on",
};

void text_keys(struct text *t, const struct ast_key_list *k, bool of_map)
{
	for (size_t i = 0; i < k->n; i++) {
		text_add(t, i ? ", " : "");
		text_add(t, (of_map ? map_keys : split_keys)[k->v[i]]);
	}
}

static void text_split(struct text *t, const struct ast_verdict *v)
{
	text_add(t, "split by ");
	text_keys(t, &v->keys, false);
	text_add(t, " { ");
	for (size_t i = 0; i < v->nshares; i++) {
		text_add(t, i ? ", " : "");
		text_percent(t, v->shares[i].parts);
		text_add(t, " ");
		text_add(t, v->shares[i].socket.text);
	}
	text_add(t, " }");
}

void text_verdict(struct text *t, const struct ast_verdict *v)
{
	switch ((enum ast_verdict_kind)v->kind) {
	case AST_PASS:
		text_add(t, "pass");
		break;
	case AST_DROP:
		text_add(t, "drop");
		break;
	case AST_CHAIN:
		text_chain(t, v);
		break;
	case AST_MAP:
		text_add(t, "map ");
		text_add(t, v->map.text);
		break;
	case AST_SPLIT:
		text_split(t, v);
		text_chain(t, v);
		break;
	}
}

/* Every port, which is what a missing port means, too. */
static bool every_port(const struct ast_elements *e)
{
	return e->n == 1 && e->v[0].kind == AST_NUMBER && !e->v[0].low &&
		e->v[0].high == UINT16_MAX;
}

void text_entry_key(struct text *t, const struct ast_map *map,
		    const struct ast_entry *e)
{
	(void)map;
	if (e->is_default) {
		text_add(t, "default");
		return;
	}
	text_elements(t, &e->keys, false);
	if (e->ports.n && !every_port(&e->ports)) {
		text_add(t, " port ");
		text_elements(t, &e->ports, false);
	}
}

char *print_verdict(struct arena *a, const struct ast_verdict *v)
{
	struct text t = { .arena = a };

	text_verdict(&t, v);
	return text_done(&t);
}

char *print_entry(struct arena *a, const struct ast_map *map,
		  const struct ast_entry *e)
{
	struct text t = { .arena = a };

	text_entry_key(&t, map, e);
	text_add(&t, " -> ");
	text_verdict(&t, &e->verdict);
	return text_done(&t);
}

/* `any` beside another condition says nothing. */
static void text_condition(struct text *t, const struct ast_match *m)
{
	size_t before = t->n;

	if (t->n)
		text_add(t, " & ");
	if (m->any)
		t->n = before;
	else
		text_match(t, m);
}

/* `count` and `trace` watch a rule and are no part of what it is. */
char *print_rule(struct arena *a, const struct ast_match *const *whens,
		 size_t nwhens, const struct ast_rule *rule)
{
	struct text t = { .arena = a };

	for (size_t i = 0; i < nwhens; i++)
		text_condition(&t, whens[i]);
	text_condition(&t, &rule->match);
	if (!t.n)
		text_add(&t, "any");
	text_add(&t, " -> ");
	text_verdict(&t, &rule->verdict);
	return text_done(&t);
}
