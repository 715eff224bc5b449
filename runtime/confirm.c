/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confirm - a policy on trial: confirmed in time, or rolled back
 *
 * In: the live generation, the time. Out: the generation before, when it is
 * overdue. Promise: nothing but the state tells that a trial is on, so no
 * process has to live for it to end.
 */
#include "confirm.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "auto.h"
#include "remove.h"
#include "rollback.h"
#include "state.h"

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_BOOTTIME, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

json_t *confirm_request(uint32_t ms, uint32_t back)
{
	return json_pack("{s:I, s:I}", "until", (json_int_t)(now_ms() + ms),
			 "back", (json_int_t)back);
}

static bool is_confirmed(struct skpol *s, uint32_t generation)
{
	char path[PATH_MAX];
	struct stat st;

	return !stat(state_path(s, path, "%u/confirmed", generation), &st);
}

struct trial_period confirm_period(struct skpol *s, const struct generation *g)
{
	json_t *confirm = json_object_get(g->meta, "confirm");
	struct trial_period p = { .pending = false };
	json_int_t until, back;

	if (!confirm || is_confirmed(s, g->number) ||
	    json_unpack(confirm, "{s:I, s:I}", "until", &until, "back", &back))
		return p;
	p.pending = true;
	p.back = (uint32_t)back;
	p.left_ms = until - now_ms();
	if (p.left_ms < 0)
		p.left_ms = 0;
	return p;
}

json_t *confirm_report(struct skpol *s, const struct generation *g)
{
	struct trial_period p = confirm_period(s, g);

	if (!p.pending)
		return json_null();
	return json_pack("{s:I, s:I}", "seconds_left",
			 (json_int_t)(p.left_ms + 999) / 1000, "back",
			 (json_int_t)p.back);
}

/* ------------------------------------------------------------ overdue */

static int undo(struct change *c, uint32_t back)
{
	uint32_t number = c->live.gen.number;
	bool changed;
	int err;

	if (back)
		err = rollback_to(c, back, number);
	else
		err = remove_policy(c->s, &changed);
	if (err)
		note(c->s, "generation %u was not confirmed in time, and "
		     "cannot be rolled back: %s", number, skpol_message(c->s));
	else if (back)
		note(c->s, "generation %u was not confirmed in time: "
		     "generation %u runs again, as %u", number, back,
		     c->next.number);
	else
		note(c->s, "generation %u was not confirmed in time: nothing "
		     "is attached any more", number);
	handle_begin(c->s);
	return err;
}

bool confirm_settle(struct change *c)
{
	struct trial_period p = confirm_period(c->s, &c->live.gen);
	int lock = c->lock;

	if (!p.pending || p.left_ms || undo(c, p.back))
		return false;
	c->lock = -1;
	change_close(c);
	c->lock = lock;
	return true;
}

void confirm_settle_locked(struct skpol *s)
{
	struct change c;

	change_init(s, &c);
	if (!live_find(s, &c.live))
		confirm_settle(&c);
	change_close(&c);
}

/* ------------------------------------------------------------ confirming */

static int fail_none(struct change *c)
{
	uint32_t number = c->live.gen.number;
	json_t *undone = json_object_get(c->live.gen.meta, "unconfirmed");

	if (c->settled)
		return fail_system(c->s, -ETIME, "too late: the policy was not "
				   "confirmed in time, and was rolled back "
				   "just now");
	if (undone)
		return fail_system(c->s, -ETIME, "too late: generation %"
				   JSON_INTEGER_FORMAT " was not confirmed in "
				   "time, and was rolled back: generation %u "
				   "runs", json_integer_value(undone), number);
	return fail_input(c->s, -ENOENT, "there is nothing to confirm: %s",
			  number ? "the policy that runs was applied without "
			  "--confirm" : "there is no policy here");
}

static int confirm(struct change *c, struct skpol_applied *out)
{
	const struct generation *g = &c->live.gen;
	struct trial_period p = confirm_period(c->s, g);
	char path[PATH_MAX];

	if (!json_object_get(g->meta, "confirm"))
		return fail_none(c);
	if (p.pending && mkdir(state_path(c->s, path, "%u/confirmed",
					  g->number), 0755))
		return fail_bpf(c->s, -errno, "make a folder in the bpf file "
				"system");
	generation_applied(g, p.pending, out);
	return 0;
}

int skpol_confirm(struct skpol *s, struct skpol_applied *out)
{
	struct change c;
	int err;

	handle_begin(s);
	change_init(s, &c);
	err = state_find(s);
	if (err == -ENOENT)
		return fail_none(&c);
	err = err ? err : change_begin(&c);
	err = err ? err : confirm(&c, out);
	change_close(&c);
	return err;
}

/* A look without the lock; then again with it, if something is to be done. */
int skpol_confirm_enforce(struct skpol *s, int64_t *left_ms, bool *changed)
{
	struct trial_period p = { .pending = false };
	struct change c;
	int err;

	handle_begin(s);
	*changed = false;
	*left_ms = -1;
	change_init(s, &c);
	err = state_find(s);
	if (err == -ENOENT)
		return 0;
	err = err ? err : live_find(s, &c.live);
	if (!err)
		p = confirm_period(s, &c.live.gen);
	if (p.pending)
		*left_ms = p.left_ms;
	if (!err && p.pending && !p.left_ms) {
		live_close(&c.live);
		err = change_begin(&c);
		*changed = c.settled;
	}
	change_close(&c);
	return err;
}
