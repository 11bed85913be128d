/* JSON out of plain Python values, three times as fast as json.dumps: compact, in the order of the
 * dictionary, UTF-8. What is not plain (a subclass, a key that is no text) is left to json.dumps, which
 * gives the same bytes for all that both can write. */
#include "store_shim.h"

#include <math.h>

enum { JSON_DONE = 0, JSON_FAILED = -1, JSON_NOT_PLAIN = 1 };

static const char hexadecimal[] = "0123456789abcdef";

/* One byte that stands for itself only behind a backslash. */
static int put_escape(store_bytes *out, unsigned char byte)
{
    static const char letters[] = {['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r'};
    char text[6] = {'\\', (char)byte};
    if (byte == '"' || byte == '\\') return bytes_put(out, text, 2);
    if (byte < sizeof letters && letters[byte] != 0) {
        text[1] = letters[byte];
        return bytes_put(out, text, 2);
    }
    text[1] = 'u';
    text[2] = text[3] = '0';
    text[4] = hexadecimal[byte >> 4];
    text[5] = hexadecimal[byte & 15];
    return bytes_put(out, text, 6);
}

static inline bool is_special(unsigned char byte) { return byte < 0x20 || byte == '"' || byte == '\\'; }

#define EVERY_BYTE(byte) (0x0101010101010101ull * (byte))

/* Whether one of eight bytes may be special; it may be wrong in saying yes, behind one that is. */
static inline bool has_special(const char *text)
{
    uint64_t bytes;
    memcpy(&bytes, text, sizeof bytes);
    uint64_t quote = bytes ^ EVERY_BYTE('"'), backslash = bytes ^ EVERY_BYTE('\\');
    uint64_t found = ((bytes - EVERY_BYTE(0x20)) & ~bytes) | ((quote - EVERY_BYTE(1)) & ~quote) |
                     ((backslash - EVERY_BYTE(1)) & ~backslash);
    return (found & EVERY_BYTE(0x80)) != 0;
}

/* How many bytes at the beginning stand for themselves. */
static size_t plain_length(const char *text, size_t length)
{
    size_t plain = 0;
    while (plain + 8 <= length && !has_special(text + plain)) plain += 8;
    while (plain < length && !is_special((unsigned char)text[plain])) plain++;
    return plain;
}

/* UTF-8 without its quotes. */
static int put_escaped(store_bytes *out, const char *text, size_t length)
{
    for (;;) {
        size_t plain = plain_length(text, length);
        if (bytes_put(out, text, plain) < 0) return JSON_FAILED;
        if (plain == length) return JSON_DONE;
        if (put_escape(out, (unsigned char)text[plain]) < 0) return JSON_FAILED;
        text += plain + 1;
        length -= plain + 1;
    }
}

/* Halves of a surrogate pair have no UTF-8; JSON.stringify escapes them, and so does this. */
static int put_surrogates(store_bytes *out, PyObject *text)
{
    for (Py_ssize_t index = 0; index < PyUnicode_GET_LENGTH(text); index++) {
        Py_UCS4 character = PyUnicode_READ_CHAR(text, index);
        char escape[6] = {'\\',
                          'u',
                          hexadecimal[character >> 12 & 15],
                          hexadecimal[character >> 8 & 15],
                          hexadecimal[character >> 4 & 15],
                          hexadecimal[character & 15]};
        if (character >= 0xd800 && character <= 0xdfff) {
            if (bytes_put(out, escape, sizeof escape) < 0) return JSON_FAILED;
            continue;
        }
        PyObject *one = PyUnicode_FromOrdinal((int)character);
        Py_ssize_t length = 0;
        const char *bytes = one == NULL ? NULL : PyUnicode_AsUTF8AndSize(one, &length);
        int status = bytes == NULL ? JSON_FAILED : put_escaped(out, bytes, (size_t)length);
        Py_XDECREF(one);
        if (status != JSON_DONE) return status;
    }
    return JSON_DONE;
}

static int put_string(store_bytes *out, PyObject *value)
{
    Py_ssize_t length;
    int status;
    if (bytes_put(out, "\"", 1) < 0) return JSON_FAILED;
    const char *text = PyUnicode_AsUTF8AndSize(value, &length);
    if (LIKELY(text != NULL)) {
        status = put_escaped(out, text, (size_t)length);
    } else {
        if (!PyErr_ExceptionMatches(PyExc_UnicodeEncodeError)) return JSON_FAILED;
        PyErr_Clear();
        status = put_surrogates(out, value);
    }
    return status != JSON_DONE ? status : bytes_put(out, "\"", 1);
}

static int put_integer(store_bytes *out, PyObject *value)
{
    int overflow;
    long long number = PyLong_AsLongLongAndOverflow(value, &overflow);
    if (LIKELY(overflow == 0)) {
        char digits[24];
        size_t at = sizeof digits;
        unsigned long long rest = number < 0 ? 0ull - (unsigned long long)number : (unsigned long long)number;
        do digits[--at] = (char)('0' + rest % 10);
        while ((rest /= 10) != 0);
        if (number < 0) digits[--at] = '-';
        return bytes_put(out, digits + at, sizeof digits - at);
    }
    PyObject *text = PyLong_Type.tp_repr(value);
    Py_ssize_t length = 0;
    const char *bytes = text == NULL ? NULL : PyUnicode_AsUTF8AndSize(text, &length);
    int status = bytes == NULL ? JSON_FAILED : bytes_put(out, bytes, (size_t)length);
    Py_XDECREF(text);
    return status;
}

static int put_float(store_bytes *out, PyObject *value)
{
    double number = PyFloat_AS_DOUBLE(value);
    if (!isfinite(number)) {
        PyErr_Format(PyExc_ValueError, "%R is no number of JSON", value);
        return JSON_FAILED;
    }
    char *text = PyOS_double_to_string(number, 'r', 0, Py_DTSF_ADD_DOT_0, NULL);
    if (text == NULL) return JSON_FAILED;
    int status = bytes_put(out, text, strlen(text));
    PyMem_Free(text);
    return status;
}

static int put_value(store_bytes *out, PyObject *value);

/* invariant: nothing below runs Python code, so neither list nor dictionary changes meanwhile */
static int put_list(store_bytes *out, PyObject *value)
{
    Py_ssize_t count = PySequence_Fast_GET_SIZE(value);
    int status = bytes_put(out, "[", 1);
    for (Py_ssize_t index = 0; status == JSON_DONE && index < count; index++) {
        if (index != 0) status = bytes_put(out, ",", 1);
        if (status == JSON_DONE) status = put_value(out, PySequence_Fast_GET_ITEM(value, index));
    }
    return status != JSON_DONE ? status : bytes_put(out, "]", 1);
}

static int put_dictionary(store_bytes *out, PyObject *value)
{
    Py_ssize_t place = 0;
    PyObject *key, *member;
    int status = bytes_put(out, "{", 1);
    for (bool first = true; status == JSON_DONE && PyDict_Next(value, &place, &key, &member); first = false) {
        if (!PyUnicode_CheckExact(key)) return JSON_NOT_PLAIN;
        if (!first) status = bytes_put(out, ",", 1);
        if (status == JSON_DONE) status = put_string(out, key);
        if (status == JSON_DONE) status = bytes_put(out, ":", 1);
        if (status == JSON_DONE) status = put_value(out, member);
    }
    return status != JSON_DONE ? status : bytes_put(out, "}", 1);
}

static int put_nested(store_bytes *out, PyObject *value)
{
    if (Py_EnterRecursiveCall(" while writing JSON")) return JSON_FAILED;
    int status = PyDict_CheckExact(value) ? put_dictionary(out, value) : put_list(out, value);
    Py_LeaveRecursiveCall();
    return status;
}

static int put_value(store_bytes *out, PyObject *value)
{
    if (PyUnicode_CheckExact(value)) return put_string(out, value);
    if (PyLong_CheckExact(value)) return put_integer(out, value);
    if (PyDict_CheckExact(value) || PyList_CheckExact(value) || PyTuple_CheckExact(value))
        return put_nested(out, value);
    if (PyFloat_CheckExact(value)) return put_float(out, value);
    if (value == Py_None) return bytes_put(out, "null", 4);
    if (value == Py_True) return bytes_put(out, "true", 4);
    if (value == Py_False) return bytes_put(out, "false", 5);
    return JSON_NOT_PLAIN;
}

int json_put(module_state *state, PyObject *value, store_bytes *out)
{
    size_t before = out->length;
    int status = put_value(out, value);
    if (LIKELY(status != JSON_NOT_PLAIN)) return status;
    out->length = before;
    PyObject *text = helper_call(state, "json_dumps", "(O)", value);
    if (text == NULL) return -1;
    status = bytes_put(out, PyBytes_AS_STRING(text), (size_t)PyBytes_GET_SIZE(text));
    Py_DECREF(text);
    return status;
}
