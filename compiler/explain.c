/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * explain - why a packet gets its verdict
 *
 * In: policy, diagram, packet. Out: JSON. The verdict is the diagram's; why
 * earlier rules missed is asked of what the user wrote, since the conditions
 * of a rule are gone from its clauses.
 */
#include "explain.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"
#include "../grammar/print.h"
#include "../grammar/visible.h"
#include "explain_match.h"
#include "witness.h"

struct explainer {
	struct arena scratch;
	const struct policy *p;
	const struct explain_input *in;
	struct source_set *sources;
	const struct packet *k;
	u128 v[FIELD_COUNT];
	struct inquiry inquiry;
	json_t *root, *path;
};

static void set_text(json_t *o, const char *key, const char *text)
{
	json_object_set_new(o, key, json_string(text));
}

static void set_place(struct explainer *e, json_t *o, const struct place *at)
{
	struct source_position pos = source_position(e->sources, at->file,
						     at->begin);

	set_text(o, "file", visible_text(&e->scratch,
					 e->sources->files[at->file].name));
	json_object_set_new(o, "line", json_integer(pos.line));
	json_object_set_new(o, "column", json_integer(pos.column));
}

static json_t *rule_json(struct explainer *e, const struct policy_rule *rule)
{
	json_t *o = json_object();

	set_text(o, "name", rule->name);
	set_place(e, o, &rule->ast->place);
	set_text(o, "text", rule->text);
	if (rule->ast->description)
		set_text(o, "description", rule->ast->description);
	return o;
}

/* ------------------------------------------------ what has decided */

static json_t *entry_json(struct explainer *e, const struct ast_map *map,
			  const struct map_hit *hit)
{
	json_t *o = json_object();

	set_text(o, "map", map->name.text);
	set_text(o, "key", hit->key);
	set_text(o, "verdict", print_verdict(&e->scratch,
					     &hit->entry->verdict));
	set_place(e, o, &hit->entry->place);
	return o;
}

static const char *keys_text(struct arena *a, const struct split *s)
{
	static const char *const names[] = {
		[AST_KEY_TO] = "to", [AST_KEY_FROM] = "from",
		[AST_KEY_PORT] = "to port", [AST_KEY_FROM_PORT] = "from port",
		[AST_KEY_ON] = "on",
	};
	const char *text = "";

	for (size_t i = 0; i < s->nkeys; i++)
		text = arena_printf(a, "%s%s%s", text, i ? ", " : "",
				    names[s->keys[i]]);
	return text;
}

/* All shares of SOCKET in V, in percent. */
static const char *share_text(struct arena *a, const struct ast_verdict *v,
			      const char *socket)
{
	uint32_t parts = 0, whole, digits = 4;

	for (size_t i = 0; i < v->nshares; i++)
		if (!strcmp(v->shares[i].socket.text, socket))
			parts += v->shares[i].parts;
	whole = parts / 10000;
	parts %= 10000;
	if (!parts)
		return arena_printf(a, "%u%%", whole);
	while (parts % 10 == 0) {
		parts /= 10;
		digits--;
	}
	return arena_printf(a, "%u.%0*u%%", whole, (int)digits, parts);
}

static json_t *split_json(struct explainer *e, const struct split *s,
			  const struct ast_verdict *v,
			  const struct outcome *outcome)
{
	const char *socket = e->p->sockets[outcome->steps[0].socket].name;
	json_t *o = json_object();

	set_text(o, "by", keys_text(&e->scratch, s));
	json_object_set_new(o, "hash", json_integer(split_hash(s, e->v)));
	set_text(o, "share", share_text(&e->scratch, v, socket));
	set_text(o, "socket", socket);
	return o;
}

static const struct ast_map *find_map(const struct ast *ast, const char *name)
{
	const struct ast_map *m = ast->maps;

	while (m && strcmp(m->name.text, name))
		m = m->next;
	return m;
}

static void put_verdict(struct explainer *e, uint32_t action)
{
	const struct action *a = &e->p->actions[action];
	const struct outcome *o =
		&e->p->outcomes[policy_action_outcome(e->p, action, e->v)];
	const struct policy_rule *rule = &e->p->rules[a->rule];
	const struct ast_verdict *v = &rule->ast->verdict;

	set_text(e->root, "verdict", policy_choice_name(e->p,
		policy_first_choice(e->p, o,
				    (unsigned int)e->v[FIELD_FAMILY],
				    (unsigned int)e->v[FIELD_PROTOCOL])));
	json_object_set_new(e->root, "rule", rule_json(e, rule));
	set_text(e->root, "outcome", outcome_text(&e->scratch, e->p, o));
	if (v->kind == AST_MAP) {
		const struct ast_map *map = find_map(e->p->ast, v->map.text);
		struct map_hit hit = map_entry(&e->inquiry, map);

		assert(hit.entry);
		json_object_set_new(e->root, "entry",
				    entry_json(e, map, &hit));
		v = &hit.entry->verdict;
	}
	if (a->split)
		json_object_set_new(e->root, "split",
				    split_json(e, a->split, v, o));
}

/* ------------------------------------------------------------ the way */

static json_t *interface_json(const struct explainer *e, u128 value)
{
	if (value && value <= e->p->ninterfaces)
		return json_string(e->p->interfaces[(size_t)value - 1]);
	return json_string("another");
}

static json_t *value_json(const struct explainer *e, unsigned int field,
			  u128 value)
{
	char text[46];

	switch ((enum field)field) {
	case FIELD_FAMILY:
		return json_string(value ? "ip6" : "ip4");
	case FIELD_PROTOCOL:
		return json_string(value ? "udp" : "tcp");
	case FIELD_LADDR4:
	case FIELD_RADDR4:
		return json_string(print_address(text, 4, value));
	case FIELD_LADDR6:
	case FIELD_RADDR6:
		return json_string(print_address(text, 6, value));
	case FIELD_IFNAME:
		return interface_json(e, value);
	case FIELD_LPORT:
	case FIELD_RPORT:
	case FIELD_IFINDEX:
	case FIELD_COUNT:
		break;
	}
	return json_integer((json_int_t)value);
}

/* Walks to the leaf, and writes down each turn; TREE from 1, 0 = the only. */
static dref put_walk(struct explainer *e, const struct diagram *d, size_t tree)
{
	dref r = d->root;

	while (!dref_is_leaf(r)) {
		const struct dnode *n = &d->nodes[r];
		uint32_t i = dnode_child(n, e->v[n->field]);
		u128 low = i ? n->cuts[i - 1] : 0;
		u128 high = i < n->ncuts ? n->cuts[i] - 1 :
			field_highest(n->field);
		json_t *turn = json_object();

		if (tree)
			json_object_set_new(turn, "tree",
					    json_integer((json_int_t)tree));
		set_text(turn, "field", field_name(n->field));
		json_object_set_new(turn, "value", value_json(e, n->field,
							      e->v[n->field]));
		json_object_set_new(turn, "low", value_json(e, n->field, low));
		json_object_set_new(turn, "high", value_json(e, n->field,
							     high));
		json_array_append_new(e->path, turn);
		r = n->children[i];
	}
	return r;
}

/* Out: the action. Trees are asked as the program asks them. */
static uint32_t put_path(struct explainer *e)
{
	const struct forest *f = e->in->forest;
	uint32_t best = (uint32_t)e->p->nclauses - 1;
	dref leaf;

	if (!f)
		return dref_action(put_walk(e, e->in->diagram, 0));
	for (size_t i = 0; i < f->ntrees; i++) {
		if (f->trees[i].lowest > best)
			continue;
		leaf = put_walk(e, f->trees[i].diagram, i + 1);
		if (leaf != DREF_NONE && dref_action(leaf) < best)
			best = dref_action(leaf);
	}
	return e->p->clauses[best].action;
}

/* -------------------------------------------------------- what missed */

static struct missed rule_missed(struct explainer *e,
				 const struct policy_rule *rule)
{
	const struct ast_verdict *v = &rule->ast->verdict;
	struct missed m;

	for (size_t i = 0; i < rule->nwhens; i++) {
		m = match_missed(&e->inquiry, rule->whens[i]);
		if (m.because)
			return m;
	}
	m = match_missed(&e->inquiry, &rule->ast->match);
	if (m.because)
		return m;
	assert(v->kind == AST_MAP);
	m.place = v->map.place;
	m.because = arena_printf(&e->scratch, "no entry of map %s holds %s",
				 v->map.text, map_keys_text(&e->inquiry,
					find_map(e->p->ast, v->map.text)));
	return m;
}

static void put_missed(struct explainer *e, uint32_t decided)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < decided; i++) {
		const struct policy_rule *rule = &e->p->rules[i];
		struct missed m = rule_missed(e, rule);
		json_t *o = json_object();

		set_text(o, "name", rule->name);
		set_place(e, o, &m.place);
		set_text(o, "because", m.because);
		json_array_append_new(list, o);
	}
	json_object_set_new(e->root, "missed", list);
}

static void explain(struct explainer *e)
{
	char text[PACKET_TEXT_MAX];
	uint32_t action;

	inquiry_init(&e->inquiry, &e->scratch, e->p->ast, e->k);
	policy_packet_fields(e->p, e->k, e->v);
	set_text(e->root, "packet", packet_print(e->k, text));
	action = put_path(e);
	put_verdict(e, action);
	json_object_set(e->root, "path", e->path);
	put_missed(e, e->p->actions[action].rule);
}

json_t *explain_json(const struct explain_input *in, const struct packet *k)
{
	struct explainer *e = calloc(1, sizeof(*e));
	json_t *root;
	jmp_buf here;

	if (!e)
		return NULL;
	*e = (struct explainer){ .p = in->policy, .in = in,
				 .sources = in->sources, .k = k,
				 .root = json_object(),
				 .path = json_array() };
	arena_init(&e->scratch, &here);
	if (setjmp(here)) {
		json_decref(e->root);
		e->root = NULL;
	} else {
		explain(e);
	}
	json_decref(e->path);
	root = e->root;
	arena_free(&e->scratch);
	free(e);
	return root;
}
