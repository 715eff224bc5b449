/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * broker_request - the life of the process that serves one client
 *
 * In: a connection. Out: one reply, and the end. Whatever the client does, or
 * leaves undone, costs this process only; an alarm ends it. Every number that
 * came along is checked before it is believed.
 */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker_private.h"
#include "register.h"

struct request {
	struct skpol *s;
	const struct rules *rules;
	const struct peer *peer;
	char text[BROKER_REQUEST_MAX];
	int fds[BROKER_FDS_MAX];
	size_t nfds;
	struct skpol_claim claim;
	bool unregister, fitting;
	char reply[BROKER_REPLY_MAX];
	size_t n;
};

static void __attribute__((format(printf, 2, 3)))
say(struct request *r, const char *fmt, ...)
{
	size_t left = sizeof(r->reply) - r->n;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(r->reply + r->n, left, fmt, ap);
	va_end(ap);
	r->n += n < 0 ? 0 : (size_t)n < left ? (size_t)n : left - 1;
}

static void take_note(void *ctx, const char *text)
{
	struct request *r = ctx;

	/* room is left for the line that matters */
	if (r->n + strlen(text) + 8 < sizeof(r->reply) - MESSAGE_MAX - 64)
		say(r, "note %s\n", text);
}

static void take_fds(struct request *r, struct msghdr *m)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		if (n > BROKER_FDS_MAX - r->nfds)
			n = BROKER_FDS_MAX - r->nfds;
		memcpy(r->fds + r->nfds, CMSG_DATA(c), n * sizeof(int));
		r->nfds += n;
	}
}

/* The one message: text without surprises, and descriptors. */
static int receive(struct request *r, int fd)
{
	char control[CMSG_SPACE(BROKER_FDS_MAX * sizeof(int))];
	struct iovec v = { r->text, sizeof(r->text) - 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1,
			    .msg_control = control,
			    .msg_controllen = sizeof(control) };
	ssize_t n = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);

	if (n < 0)
		return fail_system(r->s, -errno, "cannot receive the request: "
				   "%s", strerror(errno));
	take_fds(r, &m);
	if (m.msg_flags & MSG_CTRUNC)
		return fail_input(r->s, -EMFILE, "more than %d descriptors "
				  "came, or more than can be open here",
				  BROKER_FDS_MAX);
	if (m.msg_flags & MSG_TRUNC || memchr(r->text, '\0', (size_t)n))
		return fail_input(r->s, -EPROTO, "the request is no line of "
				  "at most %d letters", BROKER_REQUEST_MAX - 1);
	r->text[n] = '\0';
	return 0;
}

static bool take_word(struct request *r, const char *word)
{
	static const struct { const char *word; uint8_t protocol, family; }
	words[] = {
		{ "tcp", IPPROTO_TCP, 0 }, { "udp", IPPROTO_UDP, 0 },
		{ "ip4", 0, 4 }, { "ip6", 0, 6 },
	};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++) {
		if (strcmp(word, words[i].word))
			continue;
		if (words[i].protocol)
			r->claim.protocol = words[i].protocol;
		else
			r->claim.family = words[i].family;
		return true;
	}
	r->fitting |= !strcmp(word, "fitting");
	r->claim.replace |= !strcmp(word, "replace");
	return !strcmp(word, "fitting") || !strcmp(word, "replace");
}

static int parse(struct request *r)
{
	char *rest, *verb = strtok_r(r->text, " \n", &rest), *word;

	r->claim = (struct skpol_claim){ .size = sizeof(r->claim) };
	r->unregister = verb && !strcmp(verb, "unregister");
	if (!verb || (!r->unregister && strcmp(verb, "register")))
		return fail_input(r->s, -EPROTO, "the request is neither "
				  "`register` nor `unregister`");
	r->claim.name = strtok_r(NULL, " \n", &rest);
	if (!r->claim.name)
		return fail_input(r->s, -EPROTO, "the request names no socket");
	while ((word = strtok_r(NULL, " \n", &rest)))
		if (!take_word(r, word))
			return fail_input(r->s, -EPROTO, "the request has a "
					  "word that is not known");
	return 0;
}

static int check(struct request *r)
{
	if (!rules_allow(r->rules, r->peer, r->claim.name))
		return fail_input(r->s, -EPERM, "user %u may not change `%.63s`:"
				  " no --allow rule of the broker says so",
				  r->peer->uid, r->claim.name);
	if (!r->unregister && !r->nfds)
		return fail_input(r->s, -EBADF, "no descriptor came with the "
				  "request");
	return 0;
}

static int work(struct request *r, size_t *slots)
{
	alarm(BROKER_WORK_SECONDS);
	if (r->unregister)
		return skpol_unregister(r->s, &r->claim, slots);
	return r->fitting ?
		register_fitting(r->s, &r->claim, r->fds, r->nfds,
				 "the service", slots) :
		skpol_register_fds(r->s, &r->claim, r->fds, r->nfds, slots);
}

/* What goes into the log came from outside: no control characters. */
static void write_log(const struct request *r, int err, size_t slots,
		      broker_log *log, void *ctx)
{
	char text[MESSAGE_MAX + 256];

	snprintf(text, sizeof(text), "broker: %s `%.63s` for user %u (process "
		 "%d): ", r->unregister ? "unregister" : "register",
		 r->claim.name ? r->claim.name : "?", r->peer->uid,
		 (int)r->peer->pid);
	if (err)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "refused: %s", skpol_message(r->s));
	else
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "%zu slot%s changed", slots, slots == 1 ? "" : "s");
	for (char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = '?';
	log(ctx, text);
}

/* Not those of the daemon: an alarm or a SIGTERM ends us. */
static void default_signals(void)
{
	sigset_t none;

	signal(SIGALRM, SIG_DFL);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/*
 * Before the reply: who has read it is the only one left who keeps the sockets
 * open, and one that it closes leaves its slots at once.
 */
static void close_fds(struct request *r)
{
	while (r->nfds)
		close(r->fds[--r->nfds]);
}

void broker_request(struct skpol *s, const struct rules *rules,
		    const struct peer *p, int fd, broker_log *log, void *ctx)
{
	static struct request r;
	size_t slots = 0;
	int err;

	r = (struct request){ .s = s, .rules = rules, .peer = p };
	s->note = take_note;
	s->ctx = &r;
	default_signals();
	alarm(BROKER_READ_SECONDS);
	err = receive(&r, fd);
	err = err ? err : parse(&r);
	err = err ? err : check(&r);
	err = err ? err : work(&r, &slots);
	if (err)
		say(&r, "error %d %d %s\n", (int)skpol_fault(s), -err,
		    skpol_message(s));
	else
		say(&r, "ok %zu\n", slots);
	write_log(&r, err, slots, log, ctx);
	close_fds(&r);
	send(fd, r.reply, r.n, MSG_NOSIGNAL | MSG_DONTWAIT);
	_exit(0);
}
