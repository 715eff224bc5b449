/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broker_rules - who may fill which slots
 *
 * In: text, credentials that the kernel vouches for. Out: yes or no. Accounts
 * are looked up once, when the rules are read: a name that is not there is an
 * error then, and not a rule that never matches.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "broker_private.h"
#include "generation.h"
#include "state.h"

static bool parse_id(const char *text, uint32_t *id)
{
	char *end;
	unsigned long v = strtoul(text, &end, 10);

	*id = (uint32_t)v;
	return *text >= '0' && *text <= '9' && !*end && v < UINT32_MAX;
}

static bool find_user(const char *who, uint32_t *id)
{
	const struct passwd *u = parse_id(who, id) ? NULL : getpwnam(who);

	if (u)
		*id = u->pw_uid;
	return u || parse_id(who, id);
}

static bool find_group(const char *who, uint32_t *id)
{
	const struct group *g = parse_id(who, id) ? NULL : getgrnam(who);

	if (g)
		*id = g->gr_gid;
	return g || parse_id(who, id);
}

static int add_rule(struct skpol *s, struct rules *r, const char *name,
		    const char *who)
{
	struct rule e = { .group = *who == '@' };
	struct rule *more;

	if (!*name || strlen(name) >= sizeof(e.name))
		return fail_input(s, -EINVAL, "`%s` is no name of a socket",
				  name);
	strcpy(e.name, name);
	if (!(e.group ? find_group(who + 1, &e.id) : find_user(who, &e.id)))
		return fail_input(s, -EINVAL, "there is no %s `%s` to allow "
				  "`%s` to", e.group ? "group" : "user",
				  who + e.group, name);
	more = realloc(r->v, (r->n + 1) * sizeof(*more));
	if (!more)
		return fail_memory(s);
	r->v = more;
	r->v[r->n++] = e;
	return 0;
}

/* "web=www-data,@staff", which is written into. */
static int parse_line(struct skpol *s, struct rules *r, char *line)
{
	char *who = strchr(line, '='), *rest, *word;
	int err = 0;

	if (!who || !who[1])
		return fail_input(s, -EINVAL, "`%s` is no NAME=USER or "
				  "NAME=@GROUP", line);
	*who++ = '\0';
	for (word = strtok_r(who, ",", &rest); word && !err;
	     word = strtok_r(NULL, ",", &rest))
		err = add_rule(s, r, line, word);
	return err;
}

int rules_parse(struct skpol *s, const char *text, struct rules *out)
{
	char *copy = strdup(text), *rest, *line;
	int err = copy ? 0 : fail_memory(s);

	*out = (struct rules){ NULL, 0 };
	for (line = copy ? strtok_r(copy, "\n", &rest) : NULL; line && !err;
	     line = strtok_r(NULL, "\n", &rest))
		err = parse_line(s, out, line);
	free(copy);
	if (!err && !out->n)
		err = fail_input(s, -EINVAL, "nobody is allowed anything: say "
				 "--allow NAME=USER");
	return err;
}

static bool has_socket(const json_t *slots, const char *name)
{
	json_t *slot;
	size_t i;

	json_array_foreach(slots, i, slot) {
		const char *this = json_string_value(json_object_get(slot,
								     "name"));

		if (this && !strcmp(this, name))
			return true;
	}
	return false;
}

static void note_unknown(const struct skpol *s, const struct rules *r,
			 const json_t *slots)
{
	char names[512];

	generation_names(slots, NULL, names, sizeof(names));
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->v[i].name, "*") &&
		    !has_socket(slots, r->v[i].name) &&
		    (!i || strcmp(r->v[i].name, r->v[i - 1].name)))
			note(s, "`%s` is allowed to somebody, and the policy "
			     "that runs has no such socket; it has: %s",
			     r->v[i].name, *names ? names : "none");
}

void rules_compare(const struct skpol *s, const struct rules *r)
{
	struct skpol quiet = *s;
	struct live live;

	if (state_find(&quiet) || live_find(&quiet, &live))
		return;
	if (live.gen.meta)
		note_unknown(s, r, json_object_get(live.gen.meta, "slots"));
	live_close(&live);
}

static bool is_member(const struct peer *p, uint32_t gid)
{
	for (size_t i = 0; i < p->ngroups; i++)
		if (p->groups[i] == gid)
			return true;
	return false;
}

bool rules_allow(const struct rules *r, const struct peer *p,
		 const char *name)
{
	for (size_t i = 0; i < r->n; i++) {
		const struct rule *e = &r->v[i];

		if (name && strcmp(e->name, "*") && strcmp(e->name, name))
			continue;
		if (e->group ? is_member(p, e->id) : e->id == p->uid)
			return true;
	}
	return false;
}

/* As they were when the peer connected; the primary group is one, too. */
int peer_of(int fd, struct peer *p)
{
	struct ucred c;
	socklen_t len = sizeof(c), size = 0;

	*p = (struct peer){ .pid = 0 };
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &len))
		return -errno;
	getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &size);
	p->groups = malloc(size + sizeof(*p->groups));
	if (!p->groups)
		return -ENOMEM;
	if (size && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, p->groups,
			       &size))
		size = 0;
	p->ngroups = size / sizeof(*p->groups);
	p->groups[p->ngroups++] = c.gid;
	p->pid = c.pid;
	p->uid = c.uid;
	return 0;
}
