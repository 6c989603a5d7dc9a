/*
 * The bridge: bytes in, bytes out. Compiled against include/pve_foresight.h, so that the compiler
 * checks the contract; the ABI number is compared once more when the object is loaded.
 */
#define PERL_NO_GET_CONTEXT
#include "EXTERN.h"
#include "perl.h"
#include "XSUB.h"

#include <pve_foresight.h>

/* Verbs of the one call shape. A line here makes a method of PVE::Foresight::Engine. */
#define VERBS(verb)                                                                                \
    verb(append)                                                                                   \
    verb(backtest)                                                                                 \
    verb(collect)                                                                                  \
    verb(compress)                                                                                 \
    verb(drain)                                                                                    \
    verb(explain)                                                                                  \
    verb(history)                                                                                  \
    verb(outcomes)                                                                                 \
    verb(quality)                                                                                  \
    verb(recommend)                                                                                \
    verb(settings)                                                                                 \
    verb(status)                                                                                   \
    verb(trends)

#define ENGINE "PVE::Foresight::Engine"
#define ERROR "PVE::Foresight::Error"

typedef foresight_result (*verb_fn)(const foresight_engine *, const char *, size_t, foresight_text *);

static const char *result_name(foresight_result result)
{
    switch (result) {
    case FORESIGHT_RESULT_OK: return "OK";
    case FORESIGHT_RESULT_INVALID: return "INVALID";
    case FORESIGHT_RESULT_NOT_FOUND: return "NOT_FOUND";
    case FORESIGHT_RESULT_CORRUPT: return "CORRUPT";
    case FORESIGHT_RESULT_UNSUPPORTED: return "UNSUPPORTED";
    case FORESIGHT_RESULT_BUSY: return "BUSY";
    case FORESIGHT_RESULT_IO: return "IO";
    case FORESIGHT_RESULT_PANIC: return "PANIC";
    case FORESIGHT_RESULT_NULL: return "NULL";
    case FORESIGHT_RESULT_STOPPED: return "STOPPED";
    }
    return "UNKNOWN"; /* a newer library may know more: such a call has failed */
}

static void free_text(pTHX_ void *text)
{
    PERL_UNUSED_CONTEXT;
    foresight_text_free((foresight_text *)text);
}

/* Dies with a PVE::Foresight::Error. */
static void fail(pTHX_ foresight_result result, SV *message)
{
    HV *error = newHV();
    SV *object = sv_2mortal(newRV_noinc((SV *)error));

    sv_utf8_decode(message); /* people read it: characters, not bytes */
    (void)hv_stores(error, "message", SvREFCNT_inc_simple_NN(message));
    (void)hv_stores(error, "result", newSVpv(result_name(result), 0));
    sv_bless(object, gv_stashpv(ERROR, GV_ADD));
    croak_sv(object);
}

/* The answer as bytes, or death with the message. The text is freed on every way out. */
static SV *take(pTHX_ foresight_result result, foresight_text *text)
{
    SV *copy;

    ENTER;
    SAVEDESTRUCTOR_X(free_text, text);
    copy = text->data == NULL ? newSVpvs("") : newSVpvn(text->data, text->len);
    LEAVE;
    sv_2mortal(copy);
    if (result != FORESIGHT_RESULT_OK)
        fail(aTHX_ result, copy);
    return copy;
}

static foresight_engine *engine_of(pTHX_ SV *self)
{
    if (!SvROK(self) || !sv_derived_from(self, ENGINE) || !SvIOK(SvRV(self)))
        croak("not an open " ENGINE);
    return INT2PTR(foresight_engine *, SvIV(SvRV(self)));
}

/* Body of all verbs; which one is called hangs on the method. */
XS_INTERNAL(xs_verb)
{
    dXSARGS;
    foresight_text text = {NULL, 0};
    foresight_engine *engine;
    const char *request;
    STRLEN len;
    foresight_result result;

    if (items != 2)
        croak_xs_usage(cv, "engine, request");
    engine = engine_of(aTHX_ ST(0));
    request = SvPVbyte(ST(1), len); /* characters beyond a byte are a caller's mistake: dies */
    result = ((verb_fn)(void (*)(void))CvXSUBANY(cv).any_dptr)(engine, request, len, &text);
    ST(0) = take(aTHX_ result, &text);
    XSRETURN(1);
}

struct listener {
    SV *code;
    SV *error; /* what the code died with */
};

/* Tells Perl code how far a call is. Its death must not jump through the library: it stops the
 * call and is thrown again afterwards. */
static int report(void *data, const char *what, size_t done, size_t total)
{
    dTHX;
    dSP;
    struct listener *listener = data;

    ENTER;
    SAVETMPS;
    PUSHMARK(SP);
    EXTEND(SP, 3);
    mPUSHp(what, strlen(what));
    mPUSHu(done);
    mPUSHu(total);
    PUTBACK;
    call_sv(listener->code, G_VOID | G_DISCARD | G_EVAL);
    if (SvTRUE(ERRSV))
        listener->error = newSVsv(ERRSV);
    FREETMPS;
    LEAVE;
    return listener->error != NULL;
}

MODULE = PVE::Foresight    PACKAGE = PVE::Foresight::Engine

PROTOTYPES: DISABLE

BOOT:
    if (foresight_abi_version() != FORESIGHT_ABI_VERSION)
        croak("libpve_foresight.so has ABI %u, but this module was built for %u: reinstall pve-foresight\n",
              (unsigned)foresight_abi_version(), (unsigned)FORESIGHT_ABI_VERSION);
#define REGISTER(name)                                                                             \
    CvXSUBANY(newXS(ENGINE "::" #name, xs_verb, __FILE__)).any_dptr =                                \
        (void (*)(void *))(void (*)(void))foresight_##name;
    VERBS(REGISTER)
#undef REGISTER

const char *
version()
  CODE:
    RETVAL = foresight_version();
  OUTPUT:
    RETVAL

SV *
open(class, request)
    SV *class
    SV *request
  PREINIT:
    foresight_engine *engine = NULL;
    foresight_text text = {NULL, 0};
    const char *bytes;
    STRLEN len;
    foresight_result result;
  CODE:
    PERL_UNUSED_VAR(class);
    bytes = SvPVbyte(request, len);
    result = foresight_open(bytes, len, &engine, &text);
    RETVAL = sv_newmortal(); /* so that the death of `take` frees it */
    if (engine != NULL)
        sv_setref_pv(RETVAL, ENGINE, engine);
    take(aTHX_ result, &text);
    SvREFCNT_inc_simple_void(RETVAL); /* what is put out is made mortal once more */
  OUTPUT:
    RETVAL

SV *
import_history(self, request, progress)
    SV *self
    SV *request
    SV *progress
  PREINIT:
    struct listener listener = {NULL, NULL};
    foresight_text text = {NULL, 0};
    foresight_engine *engine;
    const char *bytes;
    STRLEN len;
    foresight_result result;
  CODE:
    engine = engine_of(aTHX_ self);
    bytes = SvPVbyte(request, len);
    if (!SvROK(progress) || SvTYPE(SvRV(progress)) != SVt_PVCV)
        croak("progress is not code");
    listener.code = progress;
    result = foresight_import(engine, bytes, len, report, &listener, &text);
    if (listener.error != NULL) {
        foresight_text_free(&text);
        croak_sv(sv_2mortal(listener.error));
    }
    RETVAL = SvREFCNT_inc(take(aTHX_ result, &text));
  OUTPUT:
    RETVAL

void
DESTROY(self)
    SV *self
  CODE:
    if (SvROK(self) && SvIOK(SvRV(self))) {
        foresight_close(INT2PTR(foresight_engine *, SvIV(SvRV(self))));
        sv_setsv(SvRV(self), &PL_sv_undef);
    }

int
CLONE_SKIP(...)
  CODE:
    PERL_UNUSED_VAR(items);
    RETVAL = 1; /* a cloned handle would be closed twice */
  OUTPUT:
    RETVAL
