/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * manifest - a policy as the JSON that policy.o carries
 *
 * In: a resolved policy, its sources, the options. Out: the object of
 * docs/manifest.md, a function of those alone. jansson says that it has no
 * memory by NULL, takes NULL for an error wherever it takes a value, and
 * frees what it is given: so one look at the end is enough.
 */
#include "object.h"

#include <stdio.h>
#include <string.h>

#include "../grammar/arena.h"
#include "../grammar/print.h"
#include "../grammar/visible.h"
#include "check.h"
#include "manifest_address.h"

/* The oldest kernel with the field `ingress_ifindex` in the context. */
#define KERNEL_INTERFACE "5.17"

/* Adds to OBJECT what there is of S. */
static int set_optional(json_t *object, const char *key, const char *s)
{
	return s ? json_object_set_new(object, key, json_string(s)) : 0;
}

/* A list whose elements are made by one function each. */
static json_t *finished(json_t *v, int failed)
{
	if (!failed)
		return v;
	json_decref(v);
	return NULL;
}

static json_t *strings(const char *const *v, size_t n)
{
	json_t *list = json_array();
	int failed = 0;
	size_t i;

	for (i = 0; i < n; i++)
		failed |= json_array_append_new(list, json_string(v[i]));
	return finished(list, failed);
}

static json_t *files(struct arena *a, struct source_set *s)
{
	json_t *list = json_array();
	int failed = 0;
	size_t i;

	for (i = 0; i < s->nfiles; i++)
		failed |= json_array_append_new(list,
			json_string(visible_text(a, s->files[i].name)));
	return finished(list, failed);
}

/* ---------------------------------------------------------------- sockets */

static json_t *slots(const struct policy_socket *s)
{
	json_t *list = json_array();
	unsigned int kind;
	int failed = 0;

	for (kind = 0; kind < SLOT_KINDS; kind++)
		if (s->slot[kind] != NO_SLOT)
			failed |= json_array_append_new(list,
				json_pack("{s:I, s:s, s:s}",
					  "slot", (json_int_t)s->slot[kind],
					  "protocol", kind / 2 ? "udp" : "tcp",
					  "family", kind % 2 ? "ip6" : "ip4"));
	return finished(list, failed);
}

static const char *address_text(struct arena *a, const struct ast_socket *s)
{
	char buf[64];

	if (!s->at)
		return NULL;
	print_address(buf, s->at_family, s->at_address);
	return arena_printf(a, s->at_family == 6 ? "[%s]:%u" : "%s:%u", buf,
			    s->at_port);
}

static json_t *socket_object(struct arena *a, const struct policy_socket *s)
{
	const char *at = address_text(a, s->ast);
	json_t *o = json_pack("{s:s, s:o}", "name", s->name, "slots",
			      slots(s));

	return finished(o, set_optional(o, "at", at) |
			set_optional(o, "description", s->ast->description));
}

static json_t *sockets(struct arena *a, const struct policy *p)
{
	json_t *list = json_array();
	int failed = 0;
	size_t i;

	for (i = 0; i < p->nsockets; i++)
		failed |= json_array_append_new(list,
						socket_object(a,
							      &p->sockets[i]));
	return finished(list, failed);
}

/* ------------------------------------------------------------------ rules */

static json_t *rule_object(struct source_set *s, const struct policy_rule *r)
{
	const struct ast_rule *ast = r->ast;
	struct source_position at = source_position(s, ast->place.file,
						    ast->place.begin);
	json_t *o = json_pack("{s:s, s:b, s:I, s:I, s:I, s:s, s:s, s:b}",
			      "name", r->name,
			      "named", ast->name.text != NULL,
			      "file", (json_int_t)ast->place.file,
			      "line", (json_int_t)at.line,
			      "column", (json_int_t)at.column,
			      "text", r->text,
			      "verdict", r->verdict,
			      "trace", (int)r->trace);
	int failed = set_optional(o, "description", ast->description);

	if (r->counter != NO_COUNTER)
		failed |= json_object_set_new(o, "counter",
					      json_integer(r->counter));
	return finished(o, failed);
}

static json_t *rules(const struct policy *p, struct source_set *s)
{
	json_t *list = json_array();
	int failed = 0;
	size_t i;

	for (i = 0; i < p->nrules; i++)
		failed |= json_array_append_new(list,
						rule_object(s, &p->rules[i]));
	return finished(list, failed);
}

/* ----------------------------------------------------------------- kernel */

static bool looks_at_interface(const struct terms *t)
{
	size_t i;

	for (i = 0; i < t->n; i++)
		if (t->v[i].set[FIELD_IFNAME] || t->v[i].set[FIELD_IFINDEX])
			return true;
	return false;
}

static bool needs_interface(const struct policy *p)
{
	size_t i;

	for (i = 0; i < p->nclauses; i++)
		if (looks_at_interface(&p->clauses[i].terms))
			return true;
	return false;
}

/* "5.10" is older than "5.17", and "5.9" older than both. */
static bool is_older(const char *a, const char *b)
{
	unsigned int major[2] = { 0, 0 }, minor[2] = { 0, 0 };

	sscanf(a, "%u.%u", &major[0], &minor[0]);
	sscanf(b, "%u.%u", &major[1], &minor[1]);
	return major[0] != major[1] ? major[0] < major[1] :
		minor[0] < minor[1];
}

static const char *oldest_kernel(const struct policy *p, const char *target)
{
	return needs_interface(p) && is_older(target, KERNEL_INTERFACE) ?
		KERNEL_INTERFACE : target;
}

/* ---------------------------------------------------------- all of it */

static int add_limit(json_t *object, const char *key, size_t limit)
{
	return limit ? json_object_set_new(object, key,
					   json_integer((json_int_t)limit)) : 0;
}

/* Of what takes the tables. */
static const char *kernel_of(const struct manifest_options *o)
{
	return o->kernel ? o->kernel : o->target_kernel;
}

static json_t *options(const struct manifest_options *o)
{
	json_t *j = json_pack("{s:i, s:s, s:s*}", "optimize", (int)o->optimize,
			      "target_kernel", o->target_kernel,
			      "profile", o->profile);

	return finished(j, !j ||
			(strcmp(kernel_of(o), o->target_kernel) &&
			 json_object_set_new(j, "newer_kernel", json_true())) ||
			add_limit(j, "max_instructions", o->max_instructions) ||
			add_limit(j, "max_tables", o->max_tables));
}

json_t *manifest_build(struct arena *a, const struct policy *p,
		       struct source_set *s,
		       const struct manifest_options *o)
{
	char digest[65];
	size_t len, left_out;
	const char *text = print_normalized(a, p->ast, &len);
	json_t *addresses = manifest_addresses(a, p, &left_out), *m;

	source_digest(s, digest);
	m = json_pack("{s:i, s:s, s:s, s:s, s:o, s:s, s:o, s:o, s:o, s:o, "
		      "s:o, s:o, s:s}",
		      "version", 1,
		      "policy", p->name,
		      "compiler", PACKAGE_VERSION_TEXT,
		      "kernel", oldest_kernel(p, kernel_of(o)),
		      "options", options(o),
		      "sha256", digest,
		      "files", files(a, s),
		      "sockets", sockets(a, p),
		      "interfaces", strings(p->interfaces, p->ninterfaces),
		      "rules", rules(p, s),
		      "checks", checks_build(a, p),
		      "addresses", addresses,
		      "text", text);
	return finished(m, !m || (left_out &&
			json_object_set_new(m, "addresses_left_out",
					    json_integer((json_int_t)
							 left_out))));
}
