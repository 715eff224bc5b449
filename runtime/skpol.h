/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * skpol - libskpol: a compiled policy in the kernel, its sockets, its counters
 *
 * In: the bytes of a policy.o, a network namespace, sockets. Out: a program
 * that steers them. Every call returns 0 or a negative errno; then
 * skpol_message() is a sentence that says what is wrong and what to do, and
 * skpol_fault() whose fault it is. Nothing is printed, nothing exits, there
 * are no globals. A handle belongs to one thread at a time; any number of
 * handles, in any number of processes, may work on one namespace. A process
 * killed at any instruction leaves the old state or the new one.
 *
 * Structs that are passed in begin with their size (set it to sizeof), so that
 * later versions can add members; zero is the default of every member.
 */
#ifndef SKPOL_H
#define SKPOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#ifndef SKPOL_API
#define SKPOL_API __attribute__((visibility("default")))
#endif

struct skpol;

enum skpol_fault {
	SKPOL_FAULT_NONE = 0,
	SKPOL_FAULT_INPUT = 1,		/* the object, or what was asked for */
	SKPOL_FAULT_SYSTEM = 3,		/* kernel, privileges, another process */
	SKPOL_FAULT_INTERNAL = 4,	/* a bug of skpol */
};

struct skpol_options {
	size_t size;
	const char *bpffs;	/* NULL = /sys/fs/bpf; never mounted by us */
	const char *netns;	/* a name of ip-netns(8), a path, or "pid:N";
				 * NULL = the caller's own */
	/* Told what is worth knowing but no failure, a sentence each. */
	void (*note)(void *ctx, const char *text);
	void *ctx;
};

/*
 * *OUT is a handle even after a failure, so that its message can be read;
 * NULL only when there was no memory for it.
 */
SKPOL_API int skpol_open(const struct skpol_options *o, struct skpol **out);
SKPOL_API void skpol_close(struct skpol *s);
SKPOL_API const char *skpol_message(const struct skpol *s);
SKPOL_API enum skpol_fault skpol_fault(const struct skpol *s);

struct skpol_apply_options {
	size_t size;
	bool require_sockets;	/* an empty slot is -ENOTCONN, nothing done */
	/* All but the switch: the same answer, and nothing has changed. */
	bool check;
	/* On trial: see skpol_confirm. 0 = for good. */
	uint32_t confirm_ms;
	/* The verifier's whole log, when it refuses; NULL = its last words. */
	void (*verifier_log)(void *ctx, const char *text);
	void *ctx;
};

struct skpol_applied {
	bool changed;		/* false: this very policy ran already */
	uint32_t generation;
	uint32_t empty;		/* slots without a socket */
	char policy[64];
	uint32_t tested;	/* packets the program was asked about first */
	uint32_t unconfirmed_ms;	/* left to confirm it; 0 = no need to */
	uint32_t back;		/* the generation that runs otherwise; 0 = none */
	uint64_t reserved[8];	/* for members to come: zero */
};

/*
 * Attaches the policy, or replaces the running one without a gap. Before, the
 * loaded program is run on the packets of the object's `checks`; a wrong
 * verdict is -EBADE, and nothing has changed. -EBUSY when another apply was
 * faster.
 */
SKPOL_API int skpol_apply(struct skpol *s, const void *object, size_t size,
			  const struct skpol_apply_options *o,
			  struct skpol_applied *out);

/*
 * The manifest of a generation that is kept, as JSON (docs/manifest.md): free().
 * GENERATION 0 is the live one, and then set. -ENOENT when there is none.
 */
SKPOL_API int skpol_manifest_json(struct skpol *s, uint32_t *generation,
				  char **json);

/*
 * Runs a generation that is kept again, as a new generation: a switch of the
 * link, nothing is compiled or loaded. GENERATION 0 is the one before the live
 * one. Counters carry on. -ENOENT when it is not kept; OUT->empty is 0.
 */
SKPOL_API int skpol_rollback(struct skpol *s, uint32_t generation,
			     struct skpol_applied *out);

/*
 * A policy that was applied with confirm_ms runs on trial. Confirmed in time it
 * stays; else it is rolled back, by skpol_confirm_enforce or by the next call
 * that changes anything. -ETIME when it is too late. Another policy cannot be
 * applied meanwhile (-EBUSY); rolling back and removing are possible.
 */
SKPOL_API int skpol_confirm(struct skpol *s, struct skpol_applied *out);
/*
 * For who waits for it: rolls back if it is time (*CHANGED). *LEFT_MS is the
 * time left before this call, -1 when there is nothing to confirm.
 */
SKPOL_API int skpol_confirm_enforce(struct skpol *s, int64_t *left_ms,
				    bool *changed);

/*
 * Detaches the policy and forgets its generations and counters. Registered
 * sockets stay for the next policy, unless SOCKETS. *CHANGED is false when
 * there was nothing to do.
 */
SKPOL_API int skpol_remove(struct skpol *s, bool sockets, bool *changed);

/* Which slots of a name a call is about. */
struct skpol_claim {
	size_t size;
	const char *name;	/* of a socket of the policy */
	uint8_t protocol;	/* IPPROTO_TCP, IPPROTO_UDP; 0 = both */
	uint8_t family;		/* 4 or 6; 0 = both */
	bool replace;		/* take slots that hold another socket */
	const char *local;	/* "ADDRESS:PORT" the socket is bound to; NULL = any */
};

/*
 * Puts sockets into their slots: all that are asked for, or none. N
 * descriptors of the caller; the fitting sockets of another process; the
 * socket that is bound to claim->local, whoever owns it. A slot that holds
 * another socket is -EEXIST, and keeps it. *FILLED counts slots that changed.
 */
SKPOL_API int skpol_register_fds(struct skpol *s, const struct skpol_claim *c,
				 const int *fds, size_t n, size_t *filled);
SKPOL_API int skpol_register_pid(struct skpol *s, const struct skpol_claim *c,
				 pid_t pid, size_t *filled);
SKPOL_API int skpol_register_at(struct skpol *s, const struct skpol_claim *c,
				size_t *filled);
SKPOL_API int skpol_unregister(struct skpol *s, const struct skpol_claim *c,
			       size_t *emptied);

struct skpol_rule_stats {
	const char *name, *file, *verdict;
	uint32_t line;
	uint64_t hits;		/* packets the rule decided */
	uint64_t missing;	/* times a slot of its chain was empty */
	uint64_t refused;	/* times the kernel refused a socket, and why: */
	uint64_t eprototype, eafnosupport, esocktnosupport, eexist, other;
	uint64_t last_hit;	/* seconds since 1970, to about one; 0 = never */
};

/* Calls EACH for every counted rule of the running policy, in order. */
SKPOL_API int skpol_stats(struct skpol *s,
			  void (*each)(void *ctx,
				       const struct skpol_rule_stats *r),
			  void *ctx);

/*
 * Events of rules with `trace`. One trace at a time listens in a namespace;
 * while none does, the program sends nothing. A trace belongs to its handle,
 * and ends before it.
 */
struct skpol_trace;

struct skpol_trace_options {
	size_t size;
	const char *rule;	/* only events of this one; NULL = of all */
	uint32_t sample;	/* one in so many, on each processor; 0 = all */
};

struct skpol_event {
	uint64_t time;		/* nanoseconds since 1970 */
	uint32_t generation;
	const char *rule, *verdict;	/* a socket's name, "pass" or "drop" */
	uint8_t family;		/* 4 or 6 */
	uint8_t protocol;	/* IPPROTO_TCP, IPPROTO_UDP */
	uint16_t local_port, remote_port;
	uint8_t local[16], remote[16];	/* network order, IPv4 in the first 4 */
	uint32_t ifindex;	/* 0 = the program was not compiled to tell */
	uint64_t cookie;	/* of the socket, 0 = none */
	pid_t pid;		/* who owns that; 0 = not known */
	const char *process;
	uint64_t lost;		/* since the event before: there was no room */
};

/* -EBUSY when somebody listens already, -ENOENT when no rule has `trace`. */
SKPOL_API int skpol_trace_open(struct skpol *s,
			       const struct skpol_trace_options *o,
			       struct skpol_trace **out);
SKPOL_API void skpol_trace_close(struct skpol_trace *t);

/*
 * Calls EACH for the events that are there, MOST of them at most (0 = all), or
 * waits for some, not longer than TIMEOUT_MS and about a tenth of a second.
 * Texts of an event live until EACH returns. How many there were, or a negative
 * errno. When the policy is replaced, it goes on with the next one.
 */
SKPOL_API int skpol_trace_read(struct skpol_trace *t, int timeout_ms,
			       unsigned int most,
			       void (*each)(void *ctx,
					    const struct skpol_event *e),
			       void *ctx);
/* Events that were lost since skpol_trace_open, told with an event or not. */
SKPOL_API uint64_t skpol_trace_lost(struct skpol_trace *t);

struct skpol_metrics_options {
	size_t size;
	bool openmetrics;	/* that format, not Prometheus' own */
	const char *netns;	/* label of every sample; NULL = none */
};

/* Counters and state as `skpol metrics` prints them; free(). */
SKPOL_API int skpol_metrics(struct skpol *s,
			    const struct skpol_metrics_options *o,
			    char **text);

/* As `skpol verify --json`: is what runs this object? free() it. */
SKPOL_API int skpol_verify_json(struct skpol *s, const void *object,
				size_t size, char **json);
/* As `skpol doctor --json`: is the host in order for it? free() it. */
SKPOL_API int skpol_doctor_json(struct skpol *s, char **json);
/* JSON as `skpol status --json` and `skpol stats --json` print it; free(). */
SKPOL_API int skpol_status_json(struct skpol *s, char **json);
SKPOL_API int skpol_stats_json(struct skpol *s, char **json);

/*
 * {"version":1,"policy":"edge","sha256":"…","rules":[{"name":"tls","hits":
 * "123"}]}: what skpolc --profile reads; free(). Rules without a counter are
 * told by the handle's `note`.
 */
SKPOL_API int skpol_profile_json(struct skpol *s, char **json);

#ifdef __cplusplus
}
#endif
#endif
