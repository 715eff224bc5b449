/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * objfile_schema - whether a manifest is what docs/manifest.md says
 *
 * In: an objfile with its sections and its JSON. Out: 0, or the first thing
 * that is wrong, by its path in the JSON ("rules[3].counter"). After this a
 * reader may take every key of the schema for granted: there, of its type,
 * in range, and in agreement with the program's .rodata.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "objfile_private.h"

enum {
	NAME_MAX_LENGTH = 63,	/* as in the language */
	INTERFACE_MAX = 15,	/* IFNAMSIZ - 1 */
	SLOT_KINDS = 4,
	PATH_MAX_LENGTH = 64,
};

struct check {			/* a fault is remembered; the first one counts */
	struct objfile *o;
	char *error;
	int err;
	char path[PATH_MAX_LENGTH];	/* of what is looked at: "rules[3]" */
};

static void __attribute__((format(printf, 3, 4)))
fault(struct check *c, const char *key, const char *fmt, ...)
{
	char what[160];
	va_list ap;

	if (c->err)
		return;
	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	c->err = objfile_fault(c->error, -EBADMSG, "its manifest's %s%s%s %s",
			       c->path, *c->path && *key ? "." : "", key, what);
}

/* --------------------------------------------------------- typed look-ups */

/* The string at KEY, or NULL after a fault; an OPTIONAL one may be missing. */
static const char *string(struct check *c, const json_t *o, const char *key,
			  bool optional)
{
	const json_t *v = json_object_get(o, key);

	if (optional && !v)
		return NULL;
	if (!json_is_string(v))
		fault(c, key, v ? "is no string" : "is missing");
	return json_string_value(v);
}

static int64_t integer(struct check *c, const json_t *o, const char *key,
		       int64_t min, int64_t max)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_integer(v))
		fault(c, key, v ? "is no integer" : "is missing");
	else if (json_integer_value(v) < min || json_integer_value(v) > max)
		fault(c, key, "is not from %lld to %lld", (long long)min,
		      (long long)max);
	return json_integer_value(v);
}

static void boolean(struct check *c, const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_boolean(v))
		fault(c, key, v ? "is neither true nor false" : "is missing");
}

/* The list at KEY; after a fault one without elements. */
static const json_t *list(struct check *c, const json_t *o, const char *key,
			  size_t min, size_t max)
{
	const json_t *v = json_object_get(o, key);

	if (!json_is_array(v))
		fault(c, key, v ? "is no list" : "is missing");
	else if (json_array_size(v) < min || json_array_size(v) > max)
		fault(c, key, "has %zu elements", json_array_size(v));
	return v;
}

/* Is there an element I to look at? Then it is what the path says. */
static const json_t *element(struct check *c, const json_t *v, size_t i,
			     const char *name)
{
	if (c->err || i >= json_array_size(v))
		return NULL;
	snprintf(c->path, sizeof(c->path), "%s[%zu]", name, i);
	return json_array_get(v, i);
}

/* ------------------------------------------------------------------ texts */

/* Not isalpha(): the answer must not depend on the locale. */
static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* letter { letter | digit | "_" | "-" }, a hyphen only between two others */
static bool is_name(const char *s)
{
	size_t n = strlen(s), i;

	if (!n || n > NAME_MAX_LENGTH || !is_letter(*s))
		return false;
	for (i = 0; i < n; i++)
		if (s[i] == '-' ? s[i + 1] == '-' || !s[i + 1] :
		    !is_letter(s[i]) && !is_digit(s[i]) && s[i] != '_')
			return false;
	return true;
}

static void name(struct check *c, const char *key, const char *s)
{
	if (s && !is_name(s))
		fault(c, key, "is no name (`%.63s`)", s);
}

/* One line, not empty, and nothing in it that steers a terminal. */
static void line(struct check *c, const char *key, const char *s)
{
	const char *p;

	if (!s)
		return;
	if (!*s)
		fault(c, key, "is empty");
	for (p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			fault(c, key, "has a control character");
}

static void interface(struct check *c, const char *s)
{
	size_t n = strlen(s);

	if (!n || n > INTERFACE_MAX || strpbrk(s, "/ \t\n\v\f\r") ||
	    !strcmp(s, ".") || !strcmp(s, ".."))
		fault(c, "", "is no name of an interface (`%.63s`)", s);
}

static void digest(struct check *c, const char *key, const char *s)
{
	if (s && (strlen(s) != 64 || strspn(s, "0123456789abcdef") != 64))
		fault(c, key, "is no SHA-256");
}

static void kernel(struct check *c, const char *key, const char *s)
{
	unsigned int major, minor;
	int end = 0;

	if (s && (!is_digit(*s) ||
		  sscanf(s, "%3u.%3u%n", &major, &minor, &end) != 2 || s[end]))
		fault(c, key, "is no version of a kernel");
}

/* Notes S in SEEN; false when it was there. */
static bool is_new(struct check *c, json_t *seen, const char *s)
{
	if (!s || json_object_get(seen, s))
		return !s;
	if (json_object_set_new(seen, s, json_true()) && !c->err)
		c->err = objfile_fault(c->error, -ENOMEM,
				       "no memory for its manifest");
	return true;
}

/* --------------------------------------------------------------- sections */

/* The number of u32 in the variable NAME of .rodata. */
static void agree(struct check *c, const char *variable, uint32_t n)
{
	const struct objfile_variable *v = objfile_variable(c->o, variable);

	if ((v ? v->size : 0) != (uint64_t)n * sizeof(uint32_t))
		fault(c, "", "and the program's %s differ in number",
		      variable);
}

static void slot(struct check *c, const json_t *s, unsigned int *kinds)
{
	const char *protocol = string(c, s, "protocol", false);
	const char *family = string(c, s, "family", false);
	unsigned int kind;

	if (integer(c, s, "slot", 0, UINT32_MAX) != c->o->nslots)
		fault(c, "slots", "are not numbered in order");
	if (c->err)
		return;
	if (strcmp(protocol, "tcp") && strcmp(protocol, "udp"))
		fault(c, "protocol", "is neither tcp nor udp");
	if (strcmp(family, "ip4") && strcmp(family, "ip6"))
		fault(c, "family", "is neither ip4 nor ip6");
	kind = (*protocol == 'u') * 2 + (family[2] == '6');
	if (*kinds >> kind & 1)
		fault(c, "slots", "has %s %s twice", protocol, family);
	*kinds |= 1u << kind;
	c->o->nslots++;
}

static void one_socket(struct check *c, const json_t *s, json_t *seen)
{
	const char *text = string(c, s, "name", false);
	const json_t *slots = list(c, s, "slots", 1, SLOT_KINDS);
	unsigned int kinds = 0;
	size_t i;

	name(c, "name", text);
	if (!is_new(c, seen, text))
		fault(c, "name", "is another socket's (`%s`)", text);
	line(c, "at", string(c, s, "at", true));
	string(c, s, "description", true);
	for (i = 0; !c->err && i < json_array_size(slots); i++)
		slot(c, json_array_get(slots, i), &kinds);
}

static void sockets(struct check *c, json_t *seen)
{
	const json_t *v = list(c, c->o->manifest, "sockets", 0, UINT32_MAX);
	const json_t *s;
	size_t i;

	for (i = 0; (s = element(c, v, i, "sockets")); i++)
		one_socket(c, s, seen);
	strcpy(c->path, "sockets");
	agree(c, "skpol_slots", c->o->nslots);
	*c->path = '\0';
}

static void interfaces(struct check *c, json_t *seen)
{
	const json_t *v = list(c, c->o->manifest, "interfaces", 0, UINT16_MAX);
	const json_t *s;
	size_t i;

	for (i = 0; (s = element(c, v, i, "interfaces")); i++) {
		if (!json_is_string(s)) {
			fault(c, "", "is no string");
			continue;
		}
		interface(c, json_string_value(s));
		if (!is_new(c, seen, json_string_value(s)))
			fault(c, "", "is there twice");
	}
	c->o->ninterfaces = (uint32_t)json_array_size(v);
	strcpy(c->path, "interfaces");
	agree(c, "skpol_interfaces", c->o->ninterfaces);
	*c->path = '\0';
}

static void files(struct check *c)
{
	const json_t *v = list(c, c->o->manifest, "files", 1, UINT16_MAX);
	const json_t *s;
	size_t i;

	for (i = 0; (s = element(c, v, i, "files")); i++)
		if (!json_is_string(s))
			fault(c, "", "is no string");
	*c->path = '\0';
}

/* ------------------------------------------------------------------ rules */

/*
 * Counters are given out in order, and shared by rules of one name: so each is
 * either that of a rule before, or the next. OWNERS: counter -> name.
 */
static void counter(struct check *c, const json_t *rule, json_t *owners,
		    const char *rule_name)
{
	int64_t n;

	if (!json_object_get(rule, "counter"))
		return;
	n = integer(c, rule, "counter", 0, c->o->ncounters);
	if (c->err)
		return;
	if (n == c->o->ncounters) {
		c->o->ncounters++;
		json_array_append_new(owners, json_string(rule_name));
	} else if (strcmp(json_string_value(json_array_get(owners, (size_t)n)),
			  rule_name)) {
		fault(c, "counter", "is that of another rule");
	}
}

static void rule(struct check *c, const json_t *r, json_t *seen,
		 json_t *owners)
{
	const json_t *all = json_object_get(c->o->manifest, "files");
	const char *text = string(c, r, "name", false);
	bool named;

	boolean(c, r, "named");
	named = json_is_true(json_object_get(r, "named"));
	line(c, "name", text);
	if (named)
		name(c, "name", text);
	if (!is_new(c, seen, text) && named)
		fault(c, "name", "is another rule's (`%.63s`)", text);
	integer(c, r, "file", 0, (int64_t)json_array_size(all) - 1);
	integer(c, r, "line", 1, UINT32_MAX);
	integer(c, r, "column", 1, UINT32_MAX);
	line(c, "text", string(c, r, "text", false));
	line(c, "verdict", string(c, r, "verdict", false));
	boolean(c, r, "trace");
	string(c, r, "description", true);
	if (!c->err)
		counter(c, r, owners, text);
}

static void rules(struct check *c, json_t *seen, json_t *owners)
{
	const json_t *v = list(c, c->o->manifest, "rules", 1, UINT32_MAX);
	const json_t *r;
	size_t i;

	for (i = 0; (r = element(c, v, i, "rules")); i++) {
		rule(c, r, seen, owners);
		if (i + 1 == json_array_size(v) && !c->err &&
		    strcmp(json_string_value(json_object_get(r, "name")),
			   "default"))
			fault(c, "name", "is not `default`, and it is the last");
	}
	*c->path = '\0';
}

/* ---------------------------------------------------------- all of it */

/* ["tcp 203.0.113.9:50000 -> 192.0.2.1:443",3,["https","http","drop"]] */
static bool is_check(const json_t *check, size_t rules)
{
	const json_t *rule = json_array_get(check, 1), *step;
	const json_t *chain = json_array_get(check, 2);
	size_t i;

	json_array_foreach(chain, i, step)
		if (!json_is_string(step))
			return false;
	return json_array_size(check) == 3 && json_array_size(chain) &&
		json_is_string(json_array_get(check, 0)) &&
		json_is_integer(rule) && json_integer_value(rule) >= 0 &&
		(size_t)json_integer_value(rule) < rules;
}

static void checks(struct check *c)
{
	const json_t *v = json_object_get(c->o->manifest, "checks"), *check;
	size_t i, rules = json_array_size(json_object_get(c->o->manifest,
							  "rules"));

	if (!v)
		return;
	v = list(c, c->o->manifest, "checks", 0, UINT32_MAX);
	for (i = 0; (check = element(c, v, i, "checks")); i++)
		if (!is_check(check, rules))
			fault(c, "", "is no packet, rule and chain");
	*c->path = '\0';
}

static void limit(struct check *c, const json_t *o, const char *key)
{
	if (json_object_get(o, key))
		integer(c, o, key, 1, UINT32_MAX);
}

static void options(struct check *c)
{
	const json_t *o = json_object_get(c->o->manifest, "options");

	if (!json_is_object(o))
		fault(c, "options", o ? "is no object" : "is missing");
	strcpy(c->path, "options");
	integer(c, o, "optimize", 0, 2);
	kernel(c, "target_kernel", string(c, o, "target_kernel", false));
	limit(c, o, "max_instructions");
	limit(c, o, "max_tables");
	*c->path = '\0';
}

static void top(struct check *c)
{
	const json_t *m = c->o->manifest;

	name(c, "policy", string(c, m, "policy", false));
	line(c, "compiler", string(c, m, "compiler", false));
	kernel(c, "kernel", string(c, m, "kernel", true));
	digest(c, "sha256", string(c, m, "sha256", false));
	string(c, m, "text", false);
	options(c);
	files(c);
}

static int version(struct check *c)
{
	const json_t *v = json_object_get(c->o->manifest, "version");

	if (!json_is_object(c->o->manifest))
		return c->err = objfile_fault(c->error, -EBADMSG,
					      "its manifest is no object");
	integer(c, c->o->manifest, "version", 1, INT_MAX);
	if (!c->err && json_integer_value(v) != 1)
		c->err = objfile_fault(c->error, -EPROTONOSUPPORT, "made by a "
				       "newer skpolc: its manifest is of "
				       "version %d, and this program reads "
				       "version 1",
				       (int)json_integer_value(v));
	return c->err;
}

int objfile_check_schema(struct objfile *o, char error[OBJFILE_ERROR_MAX])
{
	struct check c = { .o = o, .error = error };
	json_t *names[3] = { json_object(), json_object(), json_object() };
	json_t *owners = json_array();
	size_t i;

	if (!version(&c)) {
		top(&c);
		sockets(&c, names[0]);
		interfaces(&c, names[1]);
		rules(&c, names[2], owners);
		checks(&c);
	}
	json_decref(owners);
	for (i = 0; i < 3; i++)
		json_decref(names[i]);
	return c.err;
}
