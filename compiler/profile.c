/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile - reading it, and matching it with a policy
 *
 * In: JSON of the form {"version":1,"policy":"edge-web","sha256":"...",
 * "rules":[{"name":"tls","hits":"123"}]}; hits are a number, or a string where
 * they may pass 2^53. Other keys are not looked at.
 */
#include "profile.h"

#include <errno.h>
#include <jansson.h>
#include <sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../grammar/arena.h"

enum { PROFILE_VERSION = 1, NAMES_SAID = 5 };

/* ---------------------------------------------------------------- reading */

static bool wrong(char error[256], const char *what, size_t at)
{
	snprintf(error, 256, "rule %zu of the profile %s", at + 1, what);
	return false;
}

static bool read_hits(const json_t *j, uint64_t *out)
{
	const char *text = json_string_value(j);
	char *end;

	if (json_is_integer(j)) {
		*out = (uint64_t)json_integer_value(j);
		return json_integer_value(j) >= 0;
	}
	if (!text || text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	*out = strtoull(text, &end, 10);
	return !*end && !errno;
}

static bool read_rule(struct arena *a, const json_t *j, size_t at,
		      struct profile_rule *out, char error[256])
{
	const char *name = json_string_value(json_object_get(j, "name"));

	if (!name)
		return wrong(error, "has no name", at);
	out->name = arena_strdup(a, name);
	if (!read_hits(json_object_get(j, "hits"), &out->hits))
		return wrong(error, "has no number of hits", at);
	return true;
}

static int by_name(const void *x, const void *y)
{
	return strcmp(((const struct profile_rule *)x)->name,
		      ((const struct profile_rule *)y)->name);
}

static bool read_rules(struct arena *a, const json_t *list, struct profile *p,
		       char error[256])
{
	p->nrules = json_array_size(list);
	p->rules = arena_array(a, p->nrules + 1, sizeof(*p->rules));
	for (size_t i = 0; i < p->nrules; i++)
		if (!read_rule(a, json_array_get(list, i), i, &p->rules[i],
			       error))
			return false;
	qsort(p->rules, p->nrules, sizeof(*p->rules), by_name);
	for (size_t i = 1; i < p->nrules; i++)
		if (!by_name(&p->rules[i - 1], &p->rules[i])) {
			snprintf(error, 256, "the profile has `%.100s` twice",
				 p->rules[i].name);
			return false;
		}
	return true;
}

static const char *text_of(struct arena *a, const json_t *j, const char *key)
{
	const char *text = json_string_value(json_object_get(j, key));

	return text ? arena_strdup(a, text) : NULL;
}

static bool read_all(struct arena *a, const json_t *j, struct profile *p,
		     char error[256])
{
	const json_t *version = json_object_get(j, "version");
	const json_t *rules = json_object_get(j, "rules");

	if (!json_is_integer(version) || !json_is_array(rules)) {
		snprintf(error, 256, "it is no profile: that has a version "
			 "and rules");
		return false;
	}
	if (json_integer_value(version) != PROFILE_VERSION) {
		snprintf(error, 256, "its version is %lld, this skpolc knows "
			 "%d", (long long)json_integer_value(version),
			 PROFILE_VERSION);
		return false;
	}
	p->policy = text_of(a, j, "policy");
	p->sha256 = text_of(a, j, "sha256");
	return read_rules(a, rules, p, error);
}

struct profile *profile_read(struct arena *a, const char *text, size_t size,
			     char error[256])
{
	struct profile *p = arena_alloc(a, sizeof(*p));
	json_error_t at;
	json_t *j = json_loadb(text, size, JSON_REJECT_DUPLICATES, &at);
	bool ok;

	if (!j) {
		snprintf(error, 256, "line %d: %s", at.line, at.text);
		return NULL;
	}
	SHA256Data((const uint8_t *)text, size, p->digest);
	ok = read_all(a, j, p, error);
	json_decref(j);
	return ok ? p : NULL;
}

/* --------------------------------------------------------------- matching */

struct names {			/* some of them, for a message */
	struct arena *a;
	const char *text;
	size_t n;
};

static void add_name(struct names *l, const char *name)
{
	if (++l->n > NAMES_SAID)
		return;
	l->text = l->text ? arena_printf(l->a, "%s, `%s`", l->text, name) :
		arena_printf(l->a, "`%s`", name);
}

static const char *said(struct names *l)
{
	if (l->n <= NAMES_SAID)
		return l->text;
	return arena_printf(l->a, "%s and %zu more", l->text,
			    l->n - NAMES_SAID);
}

static const struct profile_rule *find(const struct profile *p,
				       const char *name)
{
	struct profile_rule key = { .name = name };

	return p->nrules ? bsearch(&key, p->rules, p->nrules, sizeof(key),
				   by_name) : NULL;
}

static bool is_other_text(const struct profile *p, const char *digest)
{
	return p->sha256 && strcmp(p->sha256, digest);
}

static void say_other_policy(const struct profile *p, const struct policy *y,
			     struct diags *d)
{
	struct diag *g = diag_add(d, DIAG_STALE_PROFILE,
				  &y->ast->policy.place,
				  "the profile is of policy `%s`, not of `%s`",
				  p->policy, y->name);

	g->help = "it is not used: take one of this policy, with `skpol stats "
		"--profile`";
}

static void say_stale(struct arena *a, const struct profile *p,
		      const struct policy *y, const char *digest,
		      struct names *gone, struct diags *d)
{
	struct diag *g;

	if (gone->n)
		g = diag_add(d, DIAG_STALE_PROFILE, &y->ast->policy.place,
			     "the profile has %zu rule%s that the policy has "
			     "not: %s", gone->n, gone->n == 1 ? "" : "s",
			     said(gone));
	else if (is_other_text(p, digest))
		g = diag_add(d, DIAG_STALE_PROFILE, &y->ast->policy.place,
			     "the profile is of an earlier text of this "
			     "policy");
	else
		return;
	if (is_other_text(p, digest))
		g->note = arena_printf(a, "it was taken of sources %.12s, "
				       "these are %.12s", p->sha256, digest);
	g->help = "rules of the same name are weighed by it, others weigh "
		"nothing";
}

bool profile_match(struct arena *a, const struct profile *p,
		   const struct policy *y, const char *digest,
		   struct diags *d, struct profile_match *out)
{
	bool *met = arena_array(a, p->nrules + 1, sizeof(*met));
	struct names gone = { .a = a };

	memset(out, 0, sizeof(*out));
	if (p->policy && strcmp(p->policy, y->name)) {
		say_other_policy(p, y, d);
		return false;
	}
	out->hits = arena_array(a, y->nrules, sizeof(*out->hits));
	for (size_t i = 0; i < y->nrules; i++) {
		const struct profile_rule *r = find(p, y->rules[i].name);

		out->nrules += !!r;
		out->nsilent += !r;
		if (!r)
			continue;
		met[r - p->rules] = true;
		out->hits[i] = r->hits;
		out->total += r->hits;
	}
	for (size_t i = 0; i < p->nrules; i++)
		if (!met[i])
			add_name(&gone, p->rules[i].name);
	say_stale(a, p, y, digest, &gone, d);
	return out->total > 0;
}
