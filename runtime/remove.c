/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * remove - a namespace without a policy
 *
 * In: a handle. Out: nothing attached, no generation left; sockets stay in
 * their slots as long as they are open, unless they are to go as well.
 */
#include "remove.h"

#include <errno.h>

#include "auto.h"
#include "generation.h"
#include "slots.h"
#include "state.h"

static int delete_generations(struct skpol *s, size_t *n)
{
	AUTO_FREE uint32_t *v = NULL;
	int err = generation_list(s, &v, n);

	for (size_t i = 0; !err && i < *n; i++)
		err = generation_delete(s, v[i]);
	return err;
}

/* Forgets slots that are empty now; without any, the folder goes, too. */
static int delete_rest(struct skpol *s, bool sockets, size_t *kept)
{
	struct slots slots;
	int err;

	*kept = 0;
	if (sockets)
		return state_delete(s);
	err = slots_open(s, &slots, false);
	if (err == -ENOENT)
		return state_delete(s);
	slots_close(&slots);
	if (!err)
		err = slots_open(s, &slots, true);	/* to write */
	if (err)
		return err;
	err = slots_collect(s, &slots);
	*kept = slots.n;
	slots_close(&slots);
	return err || *kept ? err : state_delete(s);
}

/* Detaches. Whether there was a link is told, dead or alive. */
static int detach(struct skpol *s, bool *was)
{
	struct link_view link;
	int err = link_view(s, &link);

	if (err)
		return err;
	*was = link.state != LINK_NONE;
	err = link_remove(s, &link);
	link_close(&link);
	/* slots are free only when no program that knows them still runs */
	return err ? err : link_quiesce(s);
}

int remove_policy(struct skpol *s, bool *changed)
{
	size_t generations = 0;
	bool attached = false;
	int err = detach(s, &attached);

	err = err ? err : delete_generations(s, &generations);
	*changed = attached || generations;
	return err;
}

int skpol_remove(struct skpol *s, bool sockets, bool *changed)
{
	AUTO_FD lock = -1;
	size_t kept = 0;
	int err;

	handle_begin(s);
	*changed = false;
	err = state_find(s);
	if (err == -ENOENT)
		return 0;
	if (!err)
		lock = err = state_lock(s);
	err = err < 0 ? err : state_sweep(s);
	err = err ? err : remove_policy(s, changed);
	err = err ? err : delete_rest(s, sockets, &kept);
	*changed |= sockets && !err;
	if (err)
		return err;
	if (kept && *changed)
		note(s, "%zu registered socket%s for the next policy "
		     "(`remove --sockets` lets go of them)", kept,
		     kept == 1 ? " stays" : "s stay");
	state_sweep_dead(s);
	return 0;
}
