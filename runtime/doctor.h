/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor - is this host in order for the policy, and what to do if not
 *
 * In: a handle. Out: findings, each with a state, a sentence, and an advice
 * where there is something to do. Nothing is changed. What may not be looked
 * at, for want of a privilege, is `unknown`, and no failure.
 */
#ifndef SKPOL_DOCTOR_H
#define SKPOL_DOCTOR_H

#include <jansson.h>

#include "generation.h"
#include "handle.h"

/* FINDING(ID, "name"): as JSON has them. */
#define FINDINGS(FINDING) \
	FINDING(OK, "ok") \
	FINDING(WARN, "warn") \
	FINDING(FAIL, "fail") \
	FINDING(UNKNOWN, "unknown")

enum finding {
#define FINDING(id, name) FINDING_##id,
	FINDINGS(FINDING)
#undef FINDING
};

/* CHECK(name): in the order in which they are made and shown. */
#define CHECKS(CHECK) \
	CHECK(kernel) \
	CHECK(hook) \
	CHECK(capabilities) \
	CHECK(memlock) \
	CHECK(bpffs) \
	CHECK(unprivileged) \
	CHECK(jit) \
	CHECK(btf) \
	CHECK(state) \
	CHECK(sockets) \
	CHECK(programs) \
	CHECK(routes) \
	CHECK(replies) \
	CHECK(rp_filter)

struct doctor {
	struct skpol *s;
	const char *check;	/* the name of the one that is made */
	json_t *findings;
	json_t *status;		/* as `skpol status --json`, or NULL */
	struct live live;	/* with its manifest if it could be read */
	bool failed;
};

/* ADVICE is what to do, a command where one does it; NULL = nothing. */
void doctor_say(struct doctor *d, enum finding f, const char *advice,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* Whether the state could not be read: then it is said for this check. */
bool doctor_blind(struct doctor *d);

#define CHECK(name) void doctor_##name(struct doctor *d);
CHECKS(CHECK)
#undef CHECK

/*
 * {"version":1,"ok":true,"checks":[{"check":"kernel","state":"ok","text":"…",
 * "advice":null}]}; "ok" is false when one is `fail`. NULL with a message.
 */
json_t *report_doctor(struct skpol *s);

#endif
