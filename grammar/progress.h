/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * progress - how far a compile is
 *
 * In: what the stages say as they go. Out: numbers that another thread may
 * look at (progress_bar.h does). Promise: saying it costs a store or two; with
 * a NULL pointer, nothing.
 */
#ifndef SKPOL_PROGRESS_H
#define SKPOL_PROGRESS_H

#include <stdatomic.h>
#include <stdint.h>

enum progress_stage {
#define PROGRESS(id, text, share) PROGRESS_##id,
#include "progress.def"
#undef PROGRESS
	PROGRESS_COUNT
};

struct progress {
	atomic_uint stage;		/* enum progress_stage */
	atomic_uint_fast64_t done, total;	/* of the stage; total 0 = unknown */
};

static inline void progress_enter(struct progress *p, enum progress_stage s)
{
	if (!p)
		return;
	atomic_store_explicit(&p->total, 0, memory_order_relaxed);
	atomic_store_explicit(&p->stage, s, memory_order_relaxed);
}

static inline void progress_say(struct progress *p, uint64_t done,
				uint64_t total)
{
	if (!p)
		return;
	atomic_store_explicit(&p->done, done, memory_order_relaxed);
	atomic_store_explicit(&p->total, total, memory_order_relaxed);
}

#endif
