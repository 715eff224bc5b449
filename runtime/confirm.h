/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * confirm - a policy on trial: confirmed in time, or rolled back
 *
 * `apply --confirm=30s` writes into the meta of its generation
 *
 *	"confirm":{"until":ms of CLOCK_BOOTTIME,"back":3}	(0 = no policy)
 *
 * so that one system call both switches the program and starts the trial.
 * `skpol confirm` makes the folder 4/confirmed. Without it, after that time,
 * the generation is overdue: whoever changes the state next rolls it back first.
 * A process that waits for it (cli_confirm.c, skpol watch) makes it punctual,
 * and is needed for nothing else.
 */
#ifndef SKPOL_CONFIRM_H
#define SKPOL_CONFIRM_H

#include "change.h"

struct trial_period {
	bool pending;		/* asked for, and not confirmed */
	int64_t left_ms;	/* 0 = overdue */
	uint32_t back;		/* the generation that would run; 0 = none */
};

struct trial_period confirm_period(struct skpol *s,
				   const struct generation *g);
/* What meta gets; NULL when there is no memory. */
json_t *confirm_request(uint32_t ms, uint32_t back);
/* {"seconds_left":12,"back":3}, or JSON null when nothing is pending. */
json_t *confirm_report(struct skpol *s, const struct generation *g);

/*
 * Under the lock, with c->live found: rolls back what is overdue. Where that is
 * not possible, it is said, and the policy stays. True when something was
 * rolled back; then c->live is closed, and to be found again.
 */
bool confirm_settle(struct change *c);
/* The same for who has but the lock. */
void confirm_settle_locked(struct skpol *s);

#endif
