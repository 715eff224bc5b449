/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * profile - how often each rule was hit, as `skpol stats --profile` wrote it
 *
 * In: the JSON text. Out: hits by name; matched with a policy, hits by rule.
 * Names are all that is matched: a rule of another name is another rule.
 */
#ifndef SKPOL_PROFILE_H
#define SKPOL_PROFILE_H

#include "../grammar/diag.h"
#include "policy.h"

struct profile_rule {
	const char *name;
	uint64_t hits;
};

struct profile {
	const char *policy;		/* or NULL: not said */
	const char *sha256;		/* of its sources, or NULL */
	char digest[65];		/* of the profile itself */
	struct profile_rule *rules;	/* by name, rising */
	size_t nrules;
};

/* NULL with a sentence in ERROR when TEXT is no profile. */
struct profile *profile_read(struct arena *a, const char *text, size_t size,
			     char error[256]);

struct profile_match {
	uint64_t *hits;			/* by rule of the policy */
	uint64_t total;
	size_t nrules, nsilent;		/* in the profile, and not */
};

/*
 * Warns (stale-profile) where P is not of this policy's text. False when it is
 * of another policy, or names no rule that was hit: then it says nothing.
 * DIGEST: of the sources.
 */
bool profile_match(struct arena *a, const struct profile *p,
		   const struct policy *y, const char *digest,
		   struct diags *d, struct profile_match *out);

#endif
