/*
 * pve-foresight: trend-based migration advice for Proxmox VE clusters.
 *
 * One call shape: engine and a JSON request in, text out, result back. docs/c-abi.md tells more.
 * Generated from src/ffi/mod.rs: do not edit, run UPDATE=1 cargo test --test generated header
 */

#ifndef PVE_FORESIGHT_H
#define PVE_FORESIGHT_H

#include <stddef.h>
#include <stdint.h>

/**
 * Number of this ABI. It changes when a program that was compiled against an older header would
 * break; compare it with foresight_abi_version() before anything else.
 */
#define FORESIGHT_ABI_VERSION 1

/**
 * How a call went. Numbers never change their meaning; new ones may be added.
 */
typedef enum {
    /**
     * Done; the text is the answer.
     */
    FORESIGHT_RESULT_OK = 0,
    /**
     * The request is wrong; the text says what and where.
     */
    FORESIGHT_RESULT_INVALID = 1,
    /**
     * What was asked for does not exist: no such node, guest, file, or no store yet.
     */
    FORESIGHT_RESULT_NOT_FOUND = 2,
    /**
     * A file is damaged.
     */
    FORESIGHT_RESULT_CORRUPT = 3,
    /**
     * A file was written by a newer version.
     */
    FORESIGHT_RESULT_UNSUPPORTED = 4,
    /**
     * Somebody else is writing; try again later.
     */
    FORESIGHT_RESULT_BUSY = 5,
    /**
     * The operating system refused: permission, full disk.
     */
    FORESIGHT_RESULT_IO = 6,
    /**
     * A mistake in this library was caught; the text says where. Other calls still work.
     */
    FORESIGHT_RESULT_PANIC = 7,
    /**
     * A pointer that must not be NULL is NULL.
     */
    FORESIGHT_RESULT_NULL = 8,
    /**
     * The caller's own progress function stopped the call.
     */
    FORESIGHT_RESULT_STOPPED = 9,
} foresight_result;

/**
 * An engine over one state directory. It holds a path and nothing else: no open file, no lock, no
 * thread. Any number of threads may use it at once, and so may a forked child.
 */
typedef struct foresight_engine foresight_engine;

/**
 * Text that the library wrote: JSON when the result is OK, else a message in plain words. It
 * belongs to the caller, who hands it to foresight_text_free() unchanged.
 */
typedef struct {
    /**
     * UTF-8 with a NUL behind it.
     */
    char *data;
    /**
     * Bytes without that NUL.
     */
    size_t len;
} foresight_text;

/**
 * Is told how far a call is: `done` of `total` (0 where that is not known) of `what`, which is
 * static text in plain words. `data` is what the caller gave for it. Runs in the caller's thread,
 * before the call returns. Anything but 0 stops the call; jumping out of it is not allowed.
 */
typedef int (*foresight_progress)(void *data, const char *what, size_t done, size_t total);

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/**
 * The ABI number of the loaded library: FORESIGHT_ABI_VERSION of the header it was built with.
 */
uint32_t foresight_abi_version(void);

/**
 * The version of the loaded library, such as "1.2.3". It is static: never free it.
 */
const char *foresight_version(void);

/**
 * Opens an engine. Nothing is read or created yet.
 *
 * Request: {"state": absolute path of the directory with the metrics}. On OK, *engine is the
 * engine, which the caller hands to foresight_close(), and *text is "{}"; else *engine is NULL.
 *
 * # Safety
 * `input` holds `len` bytes. `engine` and `text` are writable; what they held is overwritten, not
 * freed.
 */
foresight_result foresight_open(const char *input,
                                size_t len,
                                foresight_engine **engine,
                                foresight_text *text);

/**
 * Closes an engine. NULL is fine. No call may be using the engine, or use it later.
 *
 * # Safety
 * `engine` is NULL or comes from foresight_open() and was not closed yet. A forked child may close
 * its copy; that does not touch the parent's.
 */
void foresight_close(foresight_engine *engine);

/**
 * Frees what a call wrote and sets it to NULL and 0. NULL is fine, and so is a text that is
 * freed already or was set to {NULL, 0}.
 *
 * # Safety
 * `text` is NULL, or was written by a call of this library, or is {NULL, 0}.
 */
void foresight_text_free(foresight_text *text);

/**
 * Reads the cluster's live state once and stores it.
 *
 * Request: {"root": pmxcfs tree, "run_dir": where counters are kept between runs, "now"?: unix
 * seconds}. Answer: what was seen, with warnings. Another process that writes is waited for, up to
 * 20 s; then BUSY.
 *
 * # Safety
 * `engine` comes from foresight_open(); `input` holds `len` bytes; `text` is writable, what it held
 * is overwritten, not freed. The caller frees the text with foresight_text_free(), whatever the
 * result.
 */
foresight_result foresight_collect(const foresight_engine *engine,
                                   const char *input,
                                   size_t len,
                                   foresight_text *text);

/**
 * Stores ticks.
 *
 * Request: ticks as JSON lines, one object a line. A line that is wrong is refused and the others
 * are stored: OK then means that the answer says which. BUSY while another process writes.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_append(const foresight_engine *engine,
                                  const char *input,
                                  size_t len,
                                  foresight_text *text);

/**
 * Imports history that was recorded before: only for times of which the store has nothing, so
 * that a second run adds nothing.
 *
 * Request: {"rrd": directory of PVE's RRD files | "proxbalance": its database or JSON file,
 * "inventory_path"?: pmxcfs tree or JSON file that says which guest is on which node, else the newest
 * tick does, "now"?: unix seconds}. `progress` may be NULL. BUSY while another process writes; STOPPED
 * when `progress` said so: what is stored by then stays, and the next run does the rest.
 *
 * # Safety
 * As for foresight_collect(). `progress` is NULL or may be called with `data`.
 */
foresight_result foresight_import(const foresight_engine *engine,
                                  const char *input,
                                  size_t len,
                                  foresight_progress progress,
                                  void *data,
                                  foresight_text *text);

/**
 * Rolls old samples into hourly and six-hourly values and drops what is past retention.
 *
 * Request: {"now"?: unix seconds}. BUSY while another process writes.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_compress(const foresight_engine *engine,
                                    const char *input,
                                    size_t len,
                                    foresight_text *text);

/**
 * How nodes and guests develop.
 *
 * Request: {"now"?: unix seconds, "lookback_hours"?: 1 to 17520, "node"?: name | "guest"?: vmid |
 * "only"?: "nodes" or "guests", "metrics"?: list of names, usually all, "settings"?: content of the
 * settings file as a string}. Settings that cannot be read count as the defaults, with a warning in
 * the answer.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_trends(const foresight_engine *engine,
                                  const char *input,
                                  size_t len,
                                  foresight_text *text);

/**
 * The migrations that are worth it, with evidence.
 *
 * Request: {"now"?: unix seconds, "inventory_path"?: pmxcfs tree or JSON file | "inventory"?: the
 * inventory itself, "settings"?: as for foresight_trends(), "since"?: an earlier answer, to be told
 * what changed}. Without an inventory only the last tick is known, and the answer warns of it.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_recommend(const foresight_engine *engine,
                                     const char *input,
                                     size_t len,
                                     foresight_text *text);

/**
 * A guest against every node: its score there, or what stands in the way.
 *
 * Request: {"guest": vmid, "target"?: only this node, "now"?, "inventory_path"? | "inventory"?,
 * "settings"?: as for foresight_recommend()}.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_explain(const foresight_engine *engine,
                                   const char *input,
                                   size_t len,
                                   foresight_text *text);

/**
 * An ordered plan that empties a node. Nothing is executed.
 *
 * Request: {"node": name, "now"?, "inventory_path"? | "inventory"?, "settings"?: as for
 * foresight_recommend()}.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_drain(const foresight_engine *engine,
                                 const char *input,
                                 size_t len,
                                 foresight_text *text);

/**
 * What became of migrations: each judged after 5 minutes, an hour and a day against what would
 * have been without it, and how good the advice about them was.
 *
 * Request: {"now"?: unix seconds, "guest"?: vmid, "settings"?: as for foresight_trends()}. Nothing
 * is written. An outcomes file that is damaged or newer counts as empty, with a warning.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_outcomes(const foresight_engine *engine,
                                    const char *input,
                                    size_t len,
                                    foresight_text *text);

/**
 * What other moves, or none, would have made of the stored time: our advice against other policies.
 *
 * Request: {"now"?: unix seconds, "days"?: 1 to 730, usually 30, "every"?: hours between decisions,
 * 1 to 24, usually 6, "policies"?: names out of none, snapshot, pve-crs, relief, ours, usually
 * none and ours, "sensitivities"?: names to compare ours with, which must then be among the
 * policies, "inventory_path"? | "inventory"? and "settings"?: as for foresight_recommend()}. The
 * first outcome is what really happened. It takes seconds for a large cluster.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_backtest(const foresight_engine *engine,
                                    const char *input,
                                    size_t len,
                                    foresight_text *text);

/**
 * What is stored of a node or guest, thinned to what a plot can show.
 *
 * Request: {"now"?: unix seconds, "node": name | "guest": vmid, "hours"?: 1 to 17520, usually 168,
 * "points"?: most values per metric, 2 to 2000, usually 300, "metrics"?: list of names}.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_history(const foresight_engine *engine,
                                   const char *input,
                                   size_t len,
                                   foresight_text *text);

/**
 * How complete the stored data is.
 *
 * Request: {"now"?: unix seconds, "node"?: name | "guest"?: vmid}; of all of whom anything is
 * stored when nobody is named.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_quality(const foresight_engine *engine,
                                   const char *input,
                                   size_t len,
                                   foresight_text *text);

/**
 * Resolves settings, or checks a change of them. No file is read or written.
 *
 * Request: {"content"?: content of the settings file as a string, "change"?: {"migration-settings":
 * {...}} | {"penalty-config": {...}} | "delete-penalty-config"}. Answer: every value that holds and
 * where it comes from; after a change also the content to write. A change that is wrong is INVALID,
 * a file that must not be overwritten CORRUPT, UNSUPPORTED or INVALID; the text names the setting.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_settings(const foresight_engine *engine,
                                    const char *input,
                                    size_t len,
                                    foresight_text *text);

/**
 * Version, age of the newest sample and size of the store. No store yet is an answer, not an
 * error.
 *
 * Request: {"now"?: unix seconds}.
 *
 * # Safety
 * As for foresight_collect().
 */
foresight_result foresight_status(const foresight_engine *engine,
                                  const char *input,
                                  size_t len,
                                  foresight_text *text);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PVE_FORESIGHT_H */
