/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * rollback - a generation that is kept runs again
 *
 * In: its number. Out: a new generation with its program. Promise: as for
 * every change, one system call switches, and before it nothing has changed.
 */
#include "rollback.h"

#include <bpf/bpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auto.h"
#include "confirm.h"
#include "plan.h"
#include "slots.h"
#include "state.h"

/* "3, 4": generations that could run again, LIVE aside. */
static void list_kept(struct change *c, char *text, size_t size)
{
	AUTO_FREE uint32_t *v = NULL;
	size_t n, length = 0;

	*text = '\0';
	if (generation_list(c->s, &v, &n))
		return;
	for (size_t i = 0; i < n; i++) {
		struct generation g;
		bool complete = !generation_open(c->s, v[i], &g) &&
			generation_complete(&g);

		generation_close(&g);
		if (v[i] == c->live.gen.number || !complete || length >= size)
			continue;
		length += (size_t)snprintf(text + length, size - length,
					   "%s%u", length ? ", " : "", v[i]);
	}
}

static int fail_number(struct change *c, uint32_t number)
{
	char kept[64];

	list_kept(c, kept, sizeof(kept));
	return fail_input(c->s, -ENOENT, "generation %u is not kept: %s%s",
			  number, *kept ? "there is " : "there is none to go "
			  "back to", kept);
}

static uint32_t map_id(int fd)
{
	struct bpf_map_info info = { 0 };
	__u32 len = sizeof(info);

	return fd < 0 || bpf_obj_get_info_by_fd(fd, &info, &len) ? 0 : info.id;
}

/* An old program looks into the socket map of its day. */
static int check_sockets(struct change *c, const struct generation *old)
{
	AUTO_FD now = pin_get_readonly(c->s, "sockets");

	if (now == -ENOENT || map_id(now) == map_id(old->sockets))
		return 0;
	return fail_system(c->s, -ESTALE, "generation %u looks into a socket "
			   "map that is not in use any more: apply its policy "
			   "again", old->number);
}

/* The numbers of interfaces are in the program. */
static void check_interfaces(struct change *c, const struct generation *old)
{
	if (!plan_interfaces_same(c->s, json_object_get(old->meta,
							"interfaces")))
		note(c->s, "interfaces have come, gone or changed since "
		     "generation %u was applied, and its rules with `on` know "
		     "the old ones: apply its policy again", old->number);
}

/* The next generation out of OLD, whose descriptors it borrows. */
static int describe(struct change *c, struct generation *old,
		    uint32_t unconfirmed)
{
	AUTO_JSON extra = json_pack("{s:I}", "from", (json_int_t)old->number);
	struct generation *g = &c->next;
	int err = generation_read_manifest(c->s, old);

	if (err)
		return err;
	g->program = old->program;
	g->counters = old->counters;
	g->events = old->events;
	g->sockets = old->sockets;
	g->manifest = json_incref(old->manifest);
	g->meta = json_copy(old->meta);
	json_object_del(g->meta, "confirm");
	json_object_del(g->meta, "unconfirmed");
	if (unconfirmed)
		json_object_set_new(extra, "unconfirmed",
				    json_integer(unconfirmed));
	return change_describe(c, old, extra);
}

static int run_again(struct change *c, struct generation *old,
		     uint32_t unconfirmed)
{
	int err = check_sockets(c, old);

	if (err)
		return err;
	check_interfaces(c, old);
	err = describe(c, old, unconfirmed);
	err = err ? err : change_write(c);
	return err ? err : change_switch(c);
}

int rollback_to(struct change *c, uint32_t number, uint32_t unconfirmed)
{
	struct generation old;
	int err = generation_open(c->s, number, &old);

	if (err == -ENOENT || (!err && !generation_complete(&old)))
		err = fail_number(c, number);
	else if (!err)
		err = run_again(c, &old, unconfirmed);
	if (err)
		change_undo(c);
	else
		change_tidy(c);
	generation_close(&old);
	return err;
}

static int fail_before(struct change *c, uint32_t failed)
{
	if (failed)
		return fail_input(c->s, -ENOENT, "there is no generation to go "
				  "back to: generation %u was not confirmed "
				  "(`skpol rollback %u` runs it all the same)",
				  failed, failed);
	return fail_input(c->s, -ENOENT, "there is no generation to go back "
			  "to");
}

/*
 * The newest before the live one. Who calls for it a moment after a trial has
 * ended by itself does not want that policy again.
 */
static int find_before(struct change *c, uint32_t *number)
{
	AUTO_FREE uint32_t *v = NULL;
	uint32_t failed = 0;
	size_t n;
	int err = generation_list(c->s, &v, &n);

	*number = 0;
	while (!err && n-- && !*number) {
		struct generation g;

		if (v[n] >= c->live.gen.number && c->live.gen.number)
			continue;
		err = generation_open(c->s, v[n], &g);
		err = err == -ENOENT ? 0 : err;
		if (confirm_period(c->s, &g).pending)
			failed = failed ? failed : v[n];
		else if (generation_complete(&g))
			*number = v[n];
		generation_close(&g);
	}
	return err || *number ? err : fail_before(c, failed);
}

/* An overdue trial has just been rolled back: that is what was wanted. */
static bool is_done(const struct change *c, uint32_t number)
{
	const struct generation *g = &c->live.gen;

	return g->number && live_attached(&c->live) &&
		(number == g->number || (!number && c->settled));
}

static int rollback(struct change *c, uint32_t number,
		    struct skpol_applied *out)
{
	bool done = is_done(c, number);
	int err = done ? 0 : change_race(c);

	if (!err && !done && !number)
		err = find_before(c, &number);
	if (!err && !done)
		err = rollback_to(c, number, 0);
	if (!err)
		generation_applied(done ? &c->live.gen : &c->next,
				   !done || c->settled, out);
	return err;
}

int skpol_rollback(struct skpol *s, uint32_t generation,
		   struct skpol_applied *out)
{
	struct change c;
	int err;

	handle_begin(s);
	change_init(s, &c);
	err = state_find(s);
	if (err == -ENOENT)
		return fail_input(s, err, "there is no policy here, and none "
				  "to go back to");
	err = err ? err : change_begin(&c);
	err = err ? err : rollback(&c, generation, out);
	change_close(&c);
	return err;
}
