/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * change - what every command has in common that switches the policy
 *
 * In: what is to run. Out: it runs. Promise: the link is the only commit
 * point; whatever was written before it is a leftover until then, and
 * whatever is left after it is swept by the next command.
 */
#include "change.h"

#include <errno.h>
#include <string.h>

#include "auto.h"
#include "confirm.h"
#include "counter.h"
#include "listener.h"
#include "state.h"

void change_init(struct skpol *s, struct change *c)
{
	*c = (struct change){ .s = s, .lock = -1,
			      .live = { { .fd = -1 }, GENERATION_NONE },
			      .next = GENERATION_NONE };
}

static uint32_t running(const struct live *v)
{
	return live_attached(v) ? v->link.program_id : 0;
}

/* What runs before we wait for the lock. */
static int look(struct change *c)
{
	struct link_view link;
	int err = state_find(c->s);

	if (!err)
		err = link_view(c->s, &link);
	if (!err) {
		c->seen = link.state == LINK_ALIVE ? link.program_id : 0;
		link_close(&link);
	}
	return err == -ENOENT ? 0 : err;
}

int change_begin(struct change *c)
{
	int err = look(c);

	if (err)
		return err;
	c->lock = state_lock(c->s);
	if (c->lock < 0)
		return c->lock;
	err = state_sweep(c->s);
	if (!err)
		err = live_find(c->s, &c->live);
	if (!err)
		err = generation_sweep(c->s, &c->live.gen);
	if (!err && confirm_settle(c)) {
		c->settled = true;
		err = live_find(c->s, &c->live);
		c->seen = running(&c->live);
	}
	return err;
}

int change_look(struct change *c)
{
	int err = state_find(c->s);

	if (err)
		return err == -ENOENT ? 0 : err;
	err = look(c);
	if (err)
		return err;
	c->lock = state_lock(c->s);
	return c->lock < 0 ? c->lock : live_find(c->s, &c->live);
}

/* Whoever replaced the policy while we waited for the lock has won. */
int change_race(struct change *c)
{
	if (running(&c->live) == c->seen)
		return 0;
	return fail_system(c->s, -EBUSY, "another command changed the policy "
			   "of this namespace meanwhile (now generation %u): "
			   "nothing was done", c->live.gen.number);
}

/*
 * What the next generation continues: the live one; if the attached program
 * is in no folder, the newest, for its counts.
 */
static int find_last(struct change *c, struct generation *last)
{
	int err = generation_newest(c->s, last);

	return err == -ENOENT ? 0 : err;
}

int change_describe(struct change *c, const struct generation *old,
		    json_t *extra)
{
	struct generation last, *g = &c->next;
	json_t *chain = NULL;
	int err = find_last(c, &last);

	if (err)
		return err;
	g->number = last.number + 1;
	err = counter_fold(c->s, &last, old, g->number, &g->base, &chain);
	generation_close(&last);
	if (err) {
		json_decref(chain);
		return err;
	}
	if (!g->meta || (extra && json_object_update(g->meta, extra)) ||
	    json_object_set_new(g->meta, "chain", chain) ||
	    json_object_set_new(g->meta, "generation",
				json_integer(g->number)))
		return fail_memory(c->s);
	return 0;
}

int change_write(struct change *c)
{
	int err = generation_write(c->s, &c->next);

	c->written = !err;
	return err;
}

int change_switch(struct change *c)
{
	listener_carry(c->s, &c->live.gen, &c->next);
	return link_commit(c->s, &c->live.link, c->next.program,
			   c->live.gen.program);
}

void change_tidy(struct change *c)
{
	if (generation_sweep(c->s, &c->next))
		note(c->s, "%s", skpol_message(c->s));
	state_sweep_dead(c->s);
}

void change_undo(struct change *c)
{
	struct skpol *s = c->s;
	char message[MESSAGE_MAX];
	enum skpol_fault fault = s->fault;

	if (c->lock < 0)
		return;
	strcpy(message, s->message);
	if (c->written)
		generation_delete(s, c->next.number);
	state_sweep(s);
	strcpy(s->message, message);
	s->fault = fault;
}

void change_close(struct change *c)
{
	json_decref(c->next.meta);
	json_decref(c->next.base);
	json_decref(c->next.manifest);
	live_close(&c->live);
	auto_close(&c->lock);
	change_init(c->s, c);
}
