/*
 * The public header used as any program would: every function in the happy case, with NULL, with
 * what is not UTF-8 or not JSON, cut short at every length, from 8 threads, and after a fork.
 *
 * Usage: api DIRECTORY GUESTS TREE. Makes stores below DIRECTORY, collects from the pmxcfs tree TREE;
 * says what failed and exits with 1.
 */
#define _POSIX_C_SOURCE 200809L

#include "pve_foresight.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* End of the data: 2026-09-21 14:13:20 UTC. */
static const long NOW = 1790000000;
#define HOURS 192
#define THREADS 8

static char now_only[64];
static char recommend_request[4096];
static char known_tick[1 << 16]; /* is stored already */

static void fail(const char *what, int line, const char *text)
{
    fprintf(stderr, "api.c:%d: %s: %s\n", line, what, text ? text : "(no text)");
    exit(1);
}

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail(#condition, __LINE__, NULL);                                                      \
    } while (0)

typedef foresight_result (*verb)(const foresight_engine *, const char *, size_t, foresight_text *);

static const struct {
    const char *name;
    verb call;
} VERBS[] = {
    {"collect", foresight_collect},     {"append", foresight_append},
    {"compress", foresight_compress},   {"trends", foresight_trends},
    {"recommend", foresight_recommend}, {"history", foresight_history},
    {"quality", foresight_quality},     {"settings", foresight_settings},
    {"status", foresight_status},       {"explain", foresight_explain},
    {"drain", foresight_drain},         {"outcomes", foresight_outcomes},
    {"backtest", foresight_backtest},
};
#define VERB_COUNT (sizeof VERBS / sizeof VERBS[0])

/* Calls, checks the result and that the text has every wanted part; frees the text. */
static void expect(int line, verb call, const foresight_engine *engine, const char *input, size_t len,
                   foresight_result wanted, const char *part)
{
    foresight_text text = {NULL, 0};
    foresight_result result = call(engine, input, len, &text);
    if (text.data == NULL || text.data[text.len] != '\0' || strlen(text.data) != text.len)
        fail("a whole text", line, NULL);
    if (result != wanted) {
        fprintf(stderr, "result %d instead of %d\n", (int)result, (int)wanted);
        fail("result", line, text.data);
    }
    if (part != NULL && strstr(text.data, part) == NULL) {
        fprintf(stderr, "%s\nwanted: ", text.data);
        fail("part of the text", line, part);
    }
    if (wanted == FORESIGHT_RESULT_OK && text.data[0] != '{')
        fail("JSON", line, text.data);
    foresight_text_free(&text);
    CHECK(text.data == NULL && text.len == 0);
}

#define EXPECT(call, input, wanted, part)                                                          \
    expect(__LINE__, call, engine, input, strlen(input), FORESIGHT_RESULT_##wanted, part)

static foresight_engine *opened(const char *state)
{
    char config[4096];
    snprintf(config, sizeof config, "{\"state\":\"%s\"}", state);
    foresight_engine *engine = NULL;
    foresight_text text = {NULL, 0};
    foresight_result result = foresight_open(config, strlen(config), &engine, &text);
    if (result != FORESIGHT_RESULT_OK || engine == NULL)
        fail("open", __LINE__, text.data);
    CHECK(strcmp(text.data, "{}") == 0);
    foresight_text_free(&text);
    return engine;
}

/* Opening: what must be refused leaves no engine behind. */
static void open_refuses(void)
{
    static const char *BAD[] = {
        "", "{", "[]", "{}", "null", "{\"state\":7}", "{\"state\":\"relative/path\"}",
        "{\"state\":\"/x\",\"stat\":1}", "{\"state\":\"\xff\"}", "{\"state\":\"/a\",\"state\":\"/b\"}",
    };
    foresight_engine *const other = (foresight_engine *)&BAD; /* must be overwritten */
    foresight_text text;
    foresight_engine *engine;
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        engine = other;
        CHECK(foresight_open(BAD[i], strlen(BAD[i]), &engine, &text) == FORESIGHT_RESULT_INVALID);
        CHECK(engine == NULL && text.len > 0);
        foresight_text_free(&text);
    }
    engine = other;
    CHECK(foresight_open(NULL, 2, &engine, &text) == FORESIGHT_RESULT_NULL);
    CHECK(engine == NULL && strcmp(text.data, "input: is NULL") == 0);
    foresight_text_free(&text);
    CHECK(foresight_open("{\"state\":\"/x\"}", 14, NULL, &text) == FORESIGHT_RESULT_NULL);
    CHECK(strcmp(text.data, "engine: is NULL") == 0);
    foresight_text_free(&text);
    engine = other;
    CHECK(foresight_open("{\"state\":\"/x\"}", 14, &engine, NULL) == FORESIGHT_RESULT_NULL);
    CHECK(engine == NULL);
    foresight_close(NULL);
    foresight_text_free(NULL);
    foresight_text nothing = {NULL, 0};
    foresight_text_free(&nothing);
}

/* A tick: pve1 with a third of the guests and a busy one, two calm nodes with the rest. */
static size_t tick(char *out, size_t room, long time, int guests)
{
    size_t at = (size_t)snprintf(out, room, "{\"ts\":%ld,\"nodes\":[", time);
    for (int node = 1; node <= 3; node++)
        at += (size_t)snprintf(out + at, room - at,
                               "%s{\"name\":\"pve%d\",\"online\":true,\"maxcpu\":16,\"cpu\":%s,"
                               "\"iowait\":0.01,\"maxmem\":68719476736,\"mem\":21474836480}",
                               node > 1 ? "," : "", node, node == 1 ? "0.93" : "0.2");
    at += (size_t)snprintf(out + at, room - at, "],\"guests\":[");
    for (int i = 0; i < guests; i++) {
        const char *cpu = i == 0 ? "0.9" : i == 3 ? "0.7" : "0.004";
        at += (size_t)snprintf(out + at, room - at,
                               "%s{\"vmid\":%d,\"type\":\"qemu\",\"name\":\"g\xc3\xbc%d\","
                               "\"node\":\"pve%d\",\"status\":\"running\",\"maxcpu\":8,\"cpu\":%s,"
                               "\"maxmem\":1073741824,\"mem\":104857600}",
                               i > 0 ? "," : "", 100 + i, i, 1 + i % 3, cpu);
    }
    at += (size_t)snprintf(out + at, room - at, "]}\n");
    CHECK(at < room);
    return at;
}

static void store_ticks(const foresight_engine *engine, int guests)
{
    size_t room = (size_t)HOURS * (size_t)(guests * 200 + 2000), at = 0;
    char *lines = malloc(room);
    CHECK(lines != NULL);
    for (int hour = HOURS - 1; hour >= 0; hour--)
        at += tick(lines + at, room - at, NOW - hour * 3600L, guests);
    char part[64];
    snprintf(part, sizeof part, "\"appended\":%d,", HOURS);
    expect(__LINE__, foresight_append, engine, lines, at, FORESIGHT_RESULT_OK, part);
    /* The same again, then one that is cut short and one that is not UTF-8: nothing is stored. */
    char *last = lines + at - 2;
    while (last[-1] != '\n')
        last--;
    size_t len = (size_t)(lines + at - last);
    expect(__LINE__, foresight_append, engine, last, len, FORESIGHT_RESULT_OK, "\"duplicates\":1");
    expect(__LINE__, foresight_append, engine, last, len / 2, FORESIGHT_RESULT_OK, "\"rejected\":1");
    CHECK(len < sizeof known_tick);
    memcpy(known_tick, last, len);
    EXPECT(foresight_append, "\xff\xfe\n{}\n", OK, "\"rejected\":2");
    EXPECT(foresight_append, "", OK, "\"appended\":0");
    free(lines);
}

/* The settings, the questions and the housekeeping, each with an answer that says something. */
static void happy(const foresight_engine *engine)
{
    EXPECT(foresight_compress, now_only, OK, "\"rows\":");
    EXPECT(foresight_status, now_only, OK, "\"last_sample_age\":0");
    EXPECT(foresight_status, "{}", OK, "\"store\":true");
    EXPECT(foresight_trends, now_only, OK, "\"node\":\"pve3\"");
    EXPECT(foresight_trends, "{\"now\":1790000000,\"guest\":103,\"lookback_hours\":72}", OK, "\"vmid\":103");
    EXPECT(foresight_trends, "{\"now\":1790000000,\"node\":\"pve1\",\"settings\":\"{\"}", OK, "settings: ");
    EXPECT(foresight_recommend, now_only, OK, "inventory");
    EXPECT(foresight_recommend, recommend_request, OK, "\"recommendations\":[{\"order\":1,\"vmid\":10");
    EXPECT(foresight_explain, "{\"now\":1790000000,\"guest\":103}", OK, "\"targets\":[{\"node\":\"pve");
    EXPECT(foresight_drain, "{\"now\":1790000000,\"node\":\"pve1\"}", OK, "\"steps\":[{\"order\":1,");
    EXPECT(foresight_backtest, now_only, OK, "\"outcomes\":[{\"policy\":\"as-it-was\"");
    EXPECT(foresight_backtest, "{\"now\":1790000000,\"days\":3,\"policies\":[\"ours\"],\"sensitivities\":[\"aggressive\"]}", OK,
           "\"policy\":\"ours\",\"sensitivity\":\"aggressive\"");
    EXPECT(foresight_history, "{\"now\":1790000000,\"node\":\"pve1\",\"hours\":192,\"points\":24}", OK, "\"metric\":\"cpu\"");
    EXPECT(foresight_history, "{\"now\":1790000000,\"guest\":100,\"metrics\":[\"memory\"]}", OK, "\"metric\":\"memory\"");
    EXPECT(foresight_trends, "{\"now\":1790000000,\"only\":\"nodes\"}", OK, "\"guests\":[]");
    EXPECT(foresight_trends, "{\"now\":1790000000,\"only\":\"guests\"}", OK, "\"nodes\":[]");
    EXPECT(foresight_outcomes, "{\"now\":1790000000,\"guest\":100,\"settings\":\"{\"}", OK, "\"outcomes\":[]");
    EXPECT(foresight_quality, "{\"now\":1790000000,\"guest\":100}", OK, "\"coverage\":");
    EXPECT(foresight_outcomes, now_only, OK, "\"calibration\":[{\"from\":0,\"to\":10,\"moves\":0");
    EXPECT(foresight_settings, "{}", OK, "\"trend-weight\":");
    EXPECT(foresight_settings, "{\"content\":\"not a settings file\"}", OK, "\"refused\":\"settings: ");
    EXPECT(foresight_settings, "{\"change\":{\"migration-settings\":{\"trend-weight\":80}}}", OK,
           "\\\"trend-weight\\\": 80");
    EXPECT(foresight_settings, "{\"change\":{\"penalty-config\":{\"cpu_high_penalty\":25}}}", OK, "\"origin\":\"expert\"");
    EXPECT(foresight_settings, "{\"change\":\"delete-penalty-config\"}", OK, "\"content\":");
}

static void collect(const char *directory, const char *tree)
{
    char path[4096], request[8192];
    CHECK(snprintf(path, sizeof path, "%s/collected", directory) < (int)sizeof path);
    foresight_engine *engine = opened(path);
    snprintf(request, sizeof request, "{\"root\":\"%s\",\"run_dir\":\"%s/run\",\"now\":%ld}", tree, path, NOW);
    EXPECT(foresight_collect, request, OK, "\"nodes_online\":");
    EXPECT(foresight_status, now_only, OK, "\"store\":true");
    snprintf(request, sizeof request, "{\"root\":\"%s/none\",\"run_dir\":\"%s/run\"}", tree, path);
    EXPECT(foresight_collect, request, NOT_FOUND, "none");
    foresight_close(engine);
}

struct heard {
    int calls, stop_at;
    size_t total;
};

static int hear(void *data, const char *what, size_t done, size_t total)
{
    struct heard *heard = data;
    CHECK(strcmp(what, "files looked at") == 0 && done <= total);
    heard->total = total;
    return ++heard->calls == heard->stop_at;
}

/* An import of files that are none: each is told, counted and left out; the listener may stop it. */
static void import(const foresight_engine *engine, const char *directory)
{
    char path[4096], request[8192];
    for (int node = 1; node <= 3; node++) {
        CHECK(snprintf(path, sizeof path, "%s/pve-node-9.0", directory) < (int)sizeof path);
        CHECK(mkdir(path, 0700) == 0 || node > 1);
        CHECK(snprintf(path, sizeof path, "%s/pve-node-9.0/pve%d", directory, node) < (int)sizeof path);
        FILE *file = fopen(path, "w");
        CHECK(file != NULL && fputs("no such history", file) >= 0 && fclose(file) == 0);
    }
    CHECK(snprintf(request, sizeof request, "{\"rrd\":\"%s\",\"now\":%ld}", directory, NOW) < (int)sizeof request);
    foresight_text text;
    struct heard heard = {0, 0, 0};
    CHECK(foresight_import(engine, request, strlen(request), hear, &heard, &text) == FORESIGHT_RESULT_OK);
    CHECK(strstr(text.data, "\"refused\":3") != NULL && heard.calls == 3 && heard.total == 3);
    foresight_text_free(&text);
    heard = (struct heard){0, 2, 0};
    CHECK(foresight_import(engine, request, strlen(request), hear, &heard, &text) == FORESIGHT_RESULT_STOPPED);
    CHECK(strstr(text.data, "stopped") != NULL && heard.calls == 2);
    foresight_text_free(&text);
    CHECK(foresight_import(engine, request, strlen(request), NULL, NULL, &text) == FORESIGHT_RESULT_OK);
    foresight_text_free(&text);

    static const struct {
        const char *request;
        foresight_result result;
    } BAD[] = {
        {"", FORESIGHT_RESULT_INVALID},
        {"{}", FORESIGHT_RESULT_INVALID},
        {"{\"rrd\":\"/x\",\"proxbalance\":\"/y\"}", FORESIGHT_RESULT_INVALID},
        {"{\"rrd\":7}", FORESIGHT_RESULT_INVALID},
        {"{\"rrd\":\"\xff\"}", FORESIGHT_RESULT_INVALID},
        {"{\"rrd\":\"/x\",\"now\":-1}", FORESIGHT_RESULT_INVALID},
        {"{\"proxbalance\":\"/nonexistent\"}", FORESIGHT_RESULT_NOT_FOUND},
        {"{\"rrd\":\"/x\",\"inventory_path\":\"/nonexistent\"}", FORESIGHT_RESULT_NOT_FOUND},
    };
    for (size_t i = 0; i < sizeof BAD / sizeof BAD[0]; i++) {
        foresight_result result = foresight_import(engine, BAD[i].request, strlen(BAD[i].request), hear, &heard, &text);
        if (result != BAD[i].result)
            fail(BAD[i].request, __LINE__, text.data);
        foresight_text_free(&text);
    }
    CHECK(foresight_import(engine, "{}", 2, NULL, NULL, NULL) == FORESIGHT_RESULT_NULL);
    CHECK(foresight_import(NULL, "{}", 2, NULL, NULL, &text) == FORESIGHT_RESULT_NULL);
    foresight_text_free(&text);
    CHECK(foresight_import(engine, NULL, 2, NULL, NULL, &text) == FORESIGHT_RESULT_NULL);
    foresight_text_free(&text);
    CHECK(foresight_import(engine, "{}", (size_t)-1, NULL, NULL, &text) == FORESIGHT_RESULT_INVALID);
    foresight_text_free(&text);
}

static void refusals(const foresight_engine *engine)
{
    EXPECT(foresight_trends, "{\"lookback_hours\":0}", INVALID, "lookback_hours: ");
    EXPECT(foresight_trends, "{\"now\":-1}", INVALID, "now: ");
    EXPECT(foresight_trends, "{\"nodes\":\"pve1\"}", INVALID, "`nodes`");
    EXPECT(foresight_trends, "{\"node\":\"pve1\",\"guest\":100}", INVALID, "node: ");
    EXPECT(foresight_trends, "{\"now\":1790000000,\"node\":\"pve9\"}", NOT_FOUND, "pve9");
    EXPECT(foresight_trends, "{\"only\":\"storages\"}", INVALID, "storages");
    EXPECT(foresight_trends, "{\"metrics\":[\"cpus\"]}", INVALID, "metrics: there is no metric \"cpus\"");
    EXPECT(foresight_history, "{\"now\":1790000000}", INVALID, "node");
    EXPECT(foresight_outcomes, "{\"vmid\":100}", INVALID, "`vmid`");
    EXPECT(foresight_history, "{\"now\":1790000000,\"guest\":4}", NOT_FOUND, "guest 4");
    EXPECT(foresight_history, "{\"guest\":100,\"metrics\":[\"cpus\"]}", INVALID, "metrics: ");
    EXPECT(foresight_history, "{\"node\":\"pve1\",\"points\":1000000}", INVALID, "points: ");
    EXPECT(foresight_recommend, "{\"inventory_path\":\"/x\",\"inventory\":{}}", INVALID, "inventory_path: ");
    EXPECT(foresight_recommend, "{\"inventory\":{\"nodes\":[{\"name\":\"pve1\",\"maxcpu\":-4}]}}", INVALID,
           "inventory: node pve1: maxcpu: ");
    EXPECT(foresight_recommend, "{\"now\":1790000000,\"inventory_path\":\"/nonexistent\"}", NOT_FOUND, "/nonexistent");
    EXPECT(foresight_explain, "{\"now\":1790000000}", INVALID, "`guest`");
    EXPECT(foresight_explain, "{\"now\":1790000000,\"guest\":4}", NOT_FOUND, "guest 4");
    EXPECT(foresight_explain, "{\"now\":1790000000,\"guest\":103,\"target\":\"pve9\"}", NOT_FOUND, "pve9");
    EXPECT(foresight_drain, "{\"now\":1790000000,\"node\":\"pve9\"}", NOT_FOUND, "pve9");
    EXPECT(foresight_backtest, "{\"policies\":[\"theirs\"]}", INVALID, "policies: ");
    EXPECT(foresight_backtest, "{\"sensitivities\":[\"brave\"]}", INVALID, "sensitivities: ");
    EXPECT(foresight_backtest, "{\"days\":731}", INVALID, "days: ");
    EXPECT(foresight_backtest, "{\"every\":0}", INVALID, "every: ");
    EXPECT(foresight_settings, "{\"change\":{\"migration-settings\":{\"trend-weight\":101}}}", INVALID, "trend-weight: ");
    EXPECT(foresight_settings, "{\"change\":{\"penalty-config\":{\"nonsense\":1}}}", INVALID, "nonsense");
    EXPECT(foresight_settings, "{\"content\":\"x\",\"change\":\"delete-penalty-config\"}", CORRUPT, "settings: ");
    EXPECT(foresight_settings, "{\"content\":\"{\\\"version\\\":2}\",\"change\":\"delete-penalty-config\"}", UNSUPPORTED,
           "newer");
}

/* What is wrong whatever the verb. `append` alone reads lines, and refuses them in its answer. */
static void garbage(const foresight_engine *engine)
{
    char deep[5000];
    memset(deep, '[', sizeof deep);
    for (size_t i = 0; i < VERB_COUNT; i++) {
        verb call = VERBS[i].call;
        CHECK(call(engine, "{}", 2, NULL) == FORESIGHT_RESULT_NULL);
        expect(__LINE__, call, NULL, "{}", 2, FORESIGHT_RESULT_NULL, "engine: is NULL");
        expect(__LINE__, call, engine, NULL, 2, FORESIGHT_RESULT_NULL, "input: is NULL");
        expect(__LINE__, call, engine, NULL, 0, FORESIGHT_RESULT_NULL, "input: is NULL");
        expect(__LINE__, call, engine, "{}", (size_t)-1, FORESIGHT_RESULT_INVALID, "len: ");
        if (call == foresight_append)
            continue;
        EXPECT(call, "{\"now\":\"\xc3\x28\"}", INVALID, "not UTF-8 from byte 8");
        EXPECT(call, "", INVALID, "request: ");
        EXPECT(call, "{\"now\"", INVALID, "line 1");
        EXPECT(call, "{\"no-such-field\":1}", INVALID, "no-such-field");
        EXPECT(call, "[1,2,3]", INVALID, NULL);
        expect(__LINE__, call, engine, deep, sizeof deep, FORESIGHT_RESULT_INVALID, NULL);
    }
    /* Cut short at every length, in a block of just that size: no byte beyond it may be read. */
    for (size_t len = 0; len < strlen(recommend_request); len++) {
        char *cut = malloc(len > 0 ? len : 1);
        CHECK(cut != NULL);
        memcpy(cut, recommend_request, len);
        expect(__LINE__, foresight_recommend, engine, cut, len, FORESIGHT_RESULT_INVALID, "request: ");
        free(cut);
    }
}

/* An answer to compare with: the same question must have the same answer everywhere. */
static char *answer(const foresight_engine *engine, verb call, const char *request)
{
    foresight_text text;
    if (call(engine, request, strlen(request), &text) != FORESIGHT_RESULT_OK)
        fail("answer", __LINE__, text.data);
    char *copy = malloc(text.len + 1);
    CHECK(copy != NULL);
    memcpy(copy, text.data, text.len + 1);
    foresight_text_free(&text);
    return copy;
}

struct work {
    const foresight_engine *engine;
    const char *advice, *trends;
};

static void *ask(void *argument)
{
    const struct work *work = argument;
    char *advice = answer(work->engine, foresight_recommend, recommend_request);
    char *trends = answer(work->engine, foresight_trends, now_only);
    CHECK(strcmp(advice, work->advice) == 0);
    CHECK(strcmp(trends, work->trends) == 0);
    free(advice);
    free(trends);
    /* Two writers: one is told to try again, none waits and none is damaged. */
    foresight_text text;
    foresight_result result = foresight_append(work->engine, known_tick, strlen(known_tick), &text);
    CHECK(result == FORESIGHT_RESULT_OK || result == FORESIGHT_RESULT_BUSY);
    foresight_text_free(&text);
    return NULL;
}

static void threads(struct work *work)
{
    pthread_t all[THREADS];
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&all[i], NULL, ask, work) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(all[i], NULL) == 0);
}

/* Whether no other thread is busy when children are forked. */
#ifndef FORK_ALONE
#define FORK_ALONE 0
#endif

/* Children use the handle that the parent opened and used, while the parent uses it, too. */
static void forks(struct work *work, foresight_engine *engine)
{
    pid_t children[2];
    pthread_t busy;
    if (!FORK_ALONE)
        CHECK(pthread_create(&busy, NULL, ask, work) == 0);
    for (int i = 0; i < 2; i++) {
        children[i] = fork();
        CHECK(children[i] >= 0);
        if (children[i] == 0) {
            ask(work);
            foresight_close(engine);
            _exit(0);
        }
    }
    if (FORK_ALONE)
        CHECK(pthread_create(&busy, NULL, ask, work) == 0);
    ask(work);
    CHECK(pthread_join(busy, NULL) == 0);
    for (int i = 0; i < 2; i++) {
        int status = -1;
        CHECK(waitpid(children[i], &status, 0) == children[i]);
        CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    int guests = atoi(argv[2]);
    char state[4096];
    CHECK(snprintf(state, sizeof state, "%s/state", argv[1]) < (int)sizeof state);
    CHECK(foresight_abi_version() == FORESIGHT_ABI_VERSION);
    CHECK(strchr(foresight_version(), '.') != NULL);
    snprintf(now_only, sizeof now_only, "{\"now\":%ld}", NOW);
    snprintf(recommend_request, sizeof recommend_request,
             "{\"now\":%ld,\"inventory\":{\"nodes\":[{\"name\":\"pve3\"},{\"name\":\"pve2\"},{\"name\":\"pve1\"}],"
             "\"guests\":[{\"vmid\":103,\"node\":\"pve1\",\"status\":\"running\",\"maxcpu\":8},"
             "{\"vmid\":100,\"node\":\"pve1\",\"status\":\"running\",\"maxcpu\":8}],\"storages\":{}},"
             "\"settings\":\"{\\\"version\\\":1}\"}",
             NOW);

    open_refuses();
    foresight_engine *engine = opened(state);
    EXPECT(foresight_status, "{}", OK, "\"store\":false");
    EXPECT(foresight_recommend, now_only, NOT_FOUND, state);
    EXPECT(foresight_compress, now_only, NOT_FOUND, state);
    store_ticks(engine, guests);
    happy(engine);
    collect(argv[1], argv[3]);
    import(engine, argv[1]);
    refusals(engine);
    garbage(engine);
    char *advice = answer(engine, foresight_recommend, recommend_request);
    char *trends = answer(engine, foresight_trends, now_only);
    struct work work = {engine, advice, trends};
    threads(&work);
    forks(&work, engine);
    EXPECT(foresight_append, known_tick, OK, "\"duplicates\":1");
    free(advice);
    free(trends);
    foresight_close(engine);
    puts("all is well");
    return 0;
}
