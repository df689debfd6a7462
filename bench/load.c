/* The load generator of the benchmarks: prepared requests over keep-alive connections, one thread, epoll. Linux.

   Built and run by bench/generator.py, which says what the arguments and the JSON on standard output mean.

   Closed loop (no --rate): each connection keeps --depth requests in flight and asks again as soon as it is answered.
   Open loop (--rate N): request i is due at start + i/N, whatever the server does; it goes out on a connection that is
   free, or waits for one, and its latency counts from when it was due. So a stall of the server is seen by every
   request that should have been sent during it.

   It does not sleep while it waits (unless told to, with --sleep): a server is not to spend its time on waking its
   client, who would be on another machine. So it needs a processor of its own.

   Beside the measured load another may run, --beside, in a closed loop over connections of its own: it is counted, but
   for itself. Nothing that goes wrong is left out of the counts. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "answers.h"

enum {
    BINS_AN_OCTAVE = 128, BINS = 40 * BINS_AN_OCTAVE, /* as bench/latency.py has them */
    READ_BYTES = 1 << 20, READ_BESIDE_BYTES = 1 << 15, /* at a time; little beside, so that nothing due waits for it */
    HELD_BYTES = 1 << 14, MOST_EVENTS = 64, EVENTS_WHEN_PACED = 8, MOST_DEPTH = 1024, MOST_FAILURES = 1000,
};
#define SECOND INT64_C(1000000000)
#define ANY_LENGTH UINT32_MAX

typedef struct { const uint8_t *bytes; uint32_t size, answer; } request_t;
typedef struct { request_t *all; size_t count, next; } deck_t;
typedef struct {
    uint64_t answers, measured, bytes;
    uint64_t wrong_status, wrong_length, malformed, closed, lost, unanswered, reconnected;
    uint64_t bins[BINS];
} tally_t;
typedef struct { int64_t since; uint32_t answer; } asked_t;
typedef struct {
    int fd, beside, resting;
    read_t *read;
    reader_t reader;
    uint8_t *held; size_t held_size; /* of a head or a line that is not whole yet */
    asked_t *asked; size_t first, flying;
    uint8_t *out; size_t out_size, out_at; /* of a request that the socket did not take at once */
} connection_t;

static struct {
    int port, connections, depth, cpu, resp, sleep, status, beside_connections;
    double seconds, warm, rate, grace;
    const char *requests, *beside;
} options = {.connections = 64, .depth = 1, .cpu = -1, .status = 2, .seconds = 5, .warm = 0.5, .grace = 5,
             .beside_connections = 1};

static deck_t decks[2];
static tally_t tallies[2];
static int epoll, failures;
static int64_t start, begin, end;
static uint8_t *incoming, *scratch;
static connection_t **resting; /* a ring of the connections that are free, longest first, for the open loop */
static size_t resting_first, resting_count;

static void fail(const char *what) {
    fprintf(stderr, "load: %s: %s\n", what, errno ? strerror(errno) : "not as it should be");
    exit(1);
}

static void *room(size_t size) {
    void *memory = calloc(1, size);
    if (!memory) fail("memory");
    return memory;
}

static int64_t now_ns(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * SECOND + time.tv_nsec;
}

/* Each octave in 128 equal bins, so a bin is at most 1/128 of its value wide. Below 256 every value has its own. */
static size_t bin_of(uint64_t value) {
    int shift = value < 2 * BINS_AN_OCTAVE ? 0 : 56 - __builtin_clzll(value);
    size_t bin = (size_t)shift * BINS_AN_OCTAVE + (value >> shift);
    return bin < BINS ? bin : BINS - 1;
}

/* The file: for each request its size, the size of the right answer's body (or 0xffffffff), both little-endian, and
   its octets. */
static deck_t read_deck(const char *path) {
    deck_t deck = {0};
    struct stat stat;
    int fd = open(path, O_RDONLY);
    if (fd < 0 || fstat(fd, &stat) < 0) fail(path);
    size_t size = (size_t)stat.st_size, at = 0;
    uint8_t *bytes = room(size + 1);
    while (at < size) {
        ssize_t got = read(fd, bytes + at, size - at);
        if (got <= 0) fail(path);
        at += (size_t)got;
    }
    close(fd);
    for (at = 0; at < size;) {
        uint32_t sizes[2];
        if (size - at < sizeof sizes) fail(path);
        memcpy(sizes, bytes + at, sizeof sizes);
        at += sizeof sizes;
        if (!sizes[0] || sizes[0] > size - at) fail(path);
        if (!(deck.count & (deck.count - 1))) {
            deck.all = realloc(deck.all, (deck.count ? 2 * deck.count : 1) * sizeof *deck.all);
            if (!deck.all) fail("memory");
        }
        deck.all[deck.count++] = (request_t){bytes + at, sizes[0], sizes[1]};
        at += sizes[0];
    }
    if (!deck.count) fail(path);
    return deck;
}

/* -- connections */

static void watch(connection_t *c, int operation, uint32_t events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &event) < 0) fail("epoll_ctl");
}

static void reach(connection_t *c) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)options.port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int on = 1;
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) < 0) fail("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    c->reader.state = HEAD;
    c->held_size = c->first = c->flying = 0;
    watch(c, EPOLL_CTL_ADD, EPOLLIN);
}

static void rest(connection_t *c) {
    if (c->resting) return;
    c->resting = 1;
    resting[(resting_first + resting_count++) % (size_t)options.connections] = c;
}

static connection_t *rested(void) {
    connection_t *c = resting[resting_first];
    resting_first = (resting_first + 1) % (size_t)options.connections;
    resting_count--;
    c->resting = 0;
    return c;
}

/* Send `many` requests with one call. `since` is when their latency begins. */
static void ask(connection_t *c, size_t many, int64_t since) {
    deck_t *deck = &decks[c->beside];
    const uint8_t *bytes = NULL;
    size_t size = 0;
    for (size_t i = 0; i < many; i++) {
        const request_t *request = &deck->all[deck->next];
        if (++deck->next == deck->count) deck->next = 0;
        c->asked[(c->first + c->flying++) % (size_t)options.depth] = (asked_t){since, request->answer};
        if (many == 1) bytes = request->bytes;
        else bytes = scratch, memcpy(scratch + size, request->bytes, request->size);
        size += request->size;
    }
    ssize_t sent = c->out ? 0 : send(c->fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent == (ssize_t)size) return;
    if (sent < 0) sent = 0; /* full, or broken: what is broken shows when it is read */
    c->out = realloc(c->out, c->out_size + size - (size_t)sent);
    if (!c->out) fail("memory");
    memcpy(c->out + c->out_size, bytes + sent, size - (size_t)sent);
    c->out_size += size - (size_t)sent;
    watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
}

static void forget_out(connection_t *c) {
    free(c->out);
    c->out = NULL;
    c->out_size = c->out_at = 0;
}

static void send_rest(connection_t *c) {
    ssize_t sent = send(c->fd, c->out + c->out_at, c->out_size - c->out_at, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent > 0) c->out_at += (size_t)sent;
    if (c->out_at < c->out_size) return;
    forget_out(c);
    watch(c, EPOLL_CTL_MOD, EPOLLIN);
}

/* A connection that has ended, or on which nonsense came: what was in flight is lost, and a new one takes its place. */
static void again(connection_t *c) {
    tallies[c->beside].lost += c->flying;
    tallies[c->beside].reconnected++;
    close(c->fd);
    forget_out(c);
    errno = 0;
    if (++failures > MOST_FAILURES) fail("an end to every connection before an answer");
    reach(c);
    if (options.rate > 0 && !c->beside) rest(c);
    else if (now_ns() < end) ask(c, c->beside ? 1 : (size_t)options.depth, now_ns());
}

/* -- answers */

static void answered(connection_t *c, int64_t now) {
    tally_t *tally = &tallies[c->beside];
    asked_t asked = c->asked[c->first];
    c->first = (c->first + 1) % (size_t)options.depth;
    c->flying--;
    tally->answers++;
    if (c->reader.status_class != options.status) tally->wrong_status++;
    else if (asked.answer != ANY_LENGTH && asked.answer != c->reader.length) tally->wrong_length++;
    int64_t counted = options.rate > 0 && !c->beside ? asked.since : now;
    if (counted < begin || counted >= end) return;
    tally->measured++;
    tally->bins[bin_of((uint64_t)(now - asked.since))]++;
}

static void receive(connection_t *c) {
    tally_t *tally = &tallies[c->beside];
    size_t held = c->held_size;
    memcpy(incoming, c->held, held);
    ssize_t got = recv(c->fd, incoming + held, c->beside ? READ_BESIDE_BYTES : READ_BYTES, MSG_DONTWAIT);
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (got <= 0) {
        tally->closed++;
        again(c);
        return;
    }
    int64_t now = now_ns();
    if (now >= begin && now < end) tally->bytes += (uint64_t)got;
    size_t before = c->flying;
    const uint8_t *at = incoming, *stop = incoming + held + got;
    outcome_t outcome;
    while ((outcome = at < stop ? c->read(&c->reader, &at, stop) : MORE) == WHOLE && c->flying) answered(c, now);
    if (outcome != MORE || stop - at > HELD_BYTES) { /* what nobody asked for is nonsense too */
        tally->malformed++;
        again(c);
        return;
    }
    c->held_size = (size_t)(stop - at);
    memcpy(c->held, at, c->held_size);
    size_t done = before - c->flying;
    if (!done) return;
    failures = 0;
    if (options.rate > 0 && !c->beside) rest(c);
    else if (now < end) ask(c, done, now);
}

/* -- the run */

static int in_flight(connection_t *all, size_t count) {
    for (size_t i = 0; i < count; i++) if (all[i].flying) return 1;
    return 0;
}

static int64_t cpu_ns(void) {
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * SECOND +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) * 1000;
}

/* Until all is asked and answered, or the time after the end is up. Returns how many due requests were never sent. */
static uint64_t run(connection_t *all, size_t count, int64_t *cpu, int64_t *idle) {
    struct epoll_event events[MOST_EVENTS];
    int paced = options.rate > 0, nothing = 0;
    int64_t due = start, sequence = 0, now = now_ns(), cpu_before = cpu_ns(), before;
    int64_t last = end + (int64_t)(options.grace * 1e9);
    for (size_t i = 0; i < count; i++) {
        if (all[i].beside || !paced) ask(&all[i], all[i].beside ? 1 : (size_t)options.depth, now);
        else rest(&all[i]);
    }
    for (int began = 0, ended = 0;;) {
        before = now, now = now_ns();
        if (!began && now >= begin) began = 1, cpu_before = cpu_ns(), *idle = 0;
        if (began && !ended && nothing) *idle += now - before;
        if (!ended && now >= end) ended = 1, *cpu = cpu_ns() - cpu_before;
        if (ended && (now > last || (!(paced && due < end) && !in_flight(all, count)))) break;
        nothing = 1;
        while (paced && due <= now && due < end && resting_count) {
            ask(rested(), 1, due);
            due = start + (int64_t)((double)++sequence * 1e9 / options.rate);
            nothing = 0;
        }
        int wait = !options.sleep ? 0 : paced || ended ? 1 : (int)((end - now) / 1000000) + 1;
        int ready = epoll_wait(epoll, events, paced ? EVENTS_WHEN_PACED : MOST_EVENTS, wait);
        for (int i = 0; i < ready; i++, nothing = 0) {
            connection_t *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) send_rest(c);
            if (events[i].events & ~(uint32_t)EPOLLOUT) receive(c);
        }
    }
    return paced && due < end ? (uint64_t)((double)(end - due) / 1e9 * options.rate) : 0;
}

static void tell(const char *name, const tally_t *tally) {
    printf("\"%s\":{\"answers\":%lu,\"measured\":%lu,\"bytes\":%lu,\"wrong_status\":%lu,\"wrong_length\":%lu,",
           name, tally->answers, tally->measured, tally->bytes, tally->wrong_status, tally->wrong_length);
    printf("\"malformed\":%lu,\"closed\":%lu,\"lost\":%lu,\"unanswered\":%lu,\"reconnected\":%lu,\"bins\":[",
           tally->malformed, tally->closed, tally->lost, tally->unanswered, tally->reconnected);
    const char *comma = "";
    for (size_t bin = 0; bin < BINS; bin++) {
        if (tally->bins[bin]) printf("%s[%zu,%lu]", comma, bin, tally->bins[bin]), comma = ",";
    }
    printf("]}");
}

static void read_options(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"requests", 1, 0, 'f'}, {"connections", 1, 0, 'c'}, {"depth", 1, 0, 'd'},
        {"seconds", 1, 0, 's'}, {"warm", 1, 0, 'w'}, {"rate", 1, 0, 'r'}, {"grace", 1, 0, 'g'}, {"status", 1, 0, 'x'},
        {"cpu", 1, 0, 'u'},
        {"beside", 1, 0, 'b'}, {"beside-connections", 1, 0, 'k'}, {"resp", 0, 0, 'e'}, {"sleep", 0, 0, 'i'}, {0},
    };
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) >= 0;) {
        switch (c) {
            case 'p': options.port = atoi(optarg); break;
            case 'f': options.requests = optarg; break;
            case 'c': options.connections = atoi(optarg); break;
            case 'd': options.depth = atoi(optarg); break;
            case 's': options.seconds = atof(optarg); break;
            case 'w': options.warm = atof(optarg); break;
            case 'g': options.grace = atof(optarg); break;
            case 'r': options.rate = atof(optarg); break;
            case 'x': options.status = atoi(optarg); break;
            case 'u': options.cpu = atoi(optarg); break;
            case 'b': options.beside = optarg; break;
            case 'k': options.beside_connections = atoi(optarg); break;
            case 'e': options.resp = 1; break;
            case 'i': options.sleep = 1; break;
            default: exit(64);
        }
    }
    errno = 0;
    if (!options.requests || options.port < 1 || options.port > 65535 || options.connections < 1 || options.depth < 1 ||
        options.depth > MOST_DEPTH || options.seconds <= 0 || options.warm < 0 || options.beside_connections < 1 ||
        (options.rate > 0 && options.depth > 1)) fail("an argument");
}

int main(int argc, char **argv) {
    read_options(argc, argv);
    if (options.cpu >= 0) {
        cpu_set_t set;
        CPU_ZERO(&set);
        CPU_SET(options.cpu, &set);
        if (sched_setaffinity(0, sizeof set, &set) < 0) fail("sched_setaffinity");
    }
    decks[0] = read_deck(options.requests);
    if (options.beside) decks[1] = read_deck(options.beside);
    size_t largest = 0, count = (size_t)options.connections + (options.beside ? (size_t)options.beside_connections : 0);
    for (size_t i = 0; i < decks[0].count; i++) if (decks[0].all[i].size > largest) largest = decks[0].all[i].size;
    scratch = room(largest * (size_t)options.depth);
    incoming = room(READ_BYTES + HELD_BYTES);
    resting = room((size_t)options.connections * sizeof *resting);
    if ((epoll = epoll_create1(0)) < 0) fail("epoll");
    connection_t *all = room(count * sizeof *all);
    for (size_t i = 0; i < count; i++) {
        all[i].beside = i >= (size_t)options.connections;
        all[i].read = options.resp && !all[i].beside ? read_resp : read_http;
        all[i].held = room(HELD_BYTES);
        all[i].asked = room((size_t)options.depth * sizeof *all[i].asked);
        reach(&all[i]);
    }
    start = now_ns();
    begin = start + (int64_t)(options.warm * 1e9);
    end = begin + (int64_t)(options.seconds * 1e9);
    int64_t cpu = 0, idle = 0;
    uint64_t unsent = run(all, count, &cpu, &idle);
    for (size_t i = 0; i < count; i++) tallies[all[i].beside].unanswered += all[i].flying;
    tallies[0].unanswered += unsent;
    double share = (double)cpu / (double)(end - begin);
    double busy = options.sleep ? share : 1 - (double)idle / (double)(end - begin);
    printf("{\"seconds\":%.9g,\"cpu\":%.4f,\"busy\":%.4f,", options.seconds, share, busy);
    tell("load", &tallies[0]);
    printf(",");
    tell("beside", &tallies[1]);
    printf("}\n");
    return 0;
}
