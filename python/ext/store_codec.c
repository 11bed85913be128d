/* Data and its content type: which form it has, and reading it back. Writing is in store_draft.c. */
#include "store_shim.h"

enum { CODEC_DUMPS, CODEC_LOADS, CODEC_TYPE };

PyObject *codec_from(PyObject *object)
{
    static const char *const names[] = {"dumps", "loads", "content_type"};
    PyObject *codec = PyTuple_New(3);
    for (Py_ssize_t index = 0; codec != NULL && index < 3; index++) {
        PyObject *value = PyObject_GetAttrString(object, names[index]);
        if (value == NULL || (index == CODEC_TYPE ? !PyUnicode_Check(value) : !PyCallable_Check(value)) ||
            (index == CODEC_TYPE && PyUnicode_AsUTF8(value) == NULL)) {
            PyErr_Clear();
            PyErr_Format(PyExc_TypeError, "a codec has dumps, loads and content_type (a text); %.100s has no such %s",
                         Py_TYPE(object)->tp_name, names[index]);
            Py_CLEAR(codec);
            Py_XDECREF(value);
            break;
        }
        PyTuple_SET_ITEM(codec, index, value);
    }
    return codec;
}

tally_text codec_content_type(PyObject *codec)
{
    Py_ssize_t length;
    const char *text = PyUnicode_AsUTF8AndSize(PyTuple_GET_ITEM(codec, CODEC_TYPE), &length); /* cached */
    return (tally_text){text, (size_t)length};
}

static bool equal(tally_text text, const char *other, size_t length)
{
    return text.length == length && memcmp(text.bytes, other, length) == 0;
}

/* The media type alone, without "; charset=utf-8" and the like. */
static tally_text media_type(tally_text content_type)
{
    const char *end = content_type.length == 0 ? NULL : memchr(content_type.bytes, ';', content_type.length);
    if (end != NULL) content_type.length = (size_t)(end - content_type.bytes);
    while (content_type.length != 0 && content_type.bytes[content_type.length - 1] == ' ') content_type.length--;
    return content_type;
}

enum data_form form_of(PyObject *codec, tally_text content_type)
{
    if (codec != NULL) {
        tally_text own = codec_content_type(codec);
        if (equal(content_type, own.bytes, own.length)) return FORM_CODEC;
    }
    tally_text media = media_type(content_type);
    if (equal(media, "application/json", 16)) return FORM_JSON;
    if (media.length > 5 && memcmp(media.bytes + media.length - 5, "+json", 5) == 0) return FORM_JSON;
    if (media.length > 5 && memcmp(media.bytes, "text/", 5) == 0) return FORM_TEXT;
    return FORM_BYTES;
}

static PyObject *decode_json(module_state *state, const char *bytes, size_t length)
{
    PyObject *text = PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)length, NULL);
    PyObject *made = text == NULL ? NULL : helper_call(state, "json_loads", "(O)", text);
    Py_XDECREF(text);
    return made;
}

static PyObject *decode_with(PyObject *codec, const char *bytes, size_t length)
{
    PyObject *data = PyBytes_FromStringAndSize(bytes, (Py_ssize_t)length);
    PyObject *made = data == NULL ? NULL : PyObject_CallOneArg(PyTuple_GET_ITEM(codec, CODEC_LOADS), data);
    Py_XDECREF(data);
    return made;
}

PyObject *data_decode(module_state *state, PyObject *codec, tally_text content_type, const char *bytes, size_t length)
{
    if (length == 0 && content_type.length == 0) Py_RETURN_NONE;
    switch (form_of(codec, content_type)) {
    case FORM_CODEC: return decode_with(codec, bytes, length);
    case FORM_JSON: return decode_json(state, bytes, length);
    case FORM_TEXT: return PyUnicode_DecodeUTF8(bytes, (Py_ssize_t)length, NULL);
    default: return PyBytes_FromStringAndSize(bytes, (Py_ssize_t)length);
    }
}

PyObject *codec_decode(PyObject *module, PyObject *const *args, Py_ssize_t nargs)
{
    tally_text content_type;
    module_state *state = PyModule_GetState(module);
    if (nargs != 3 || !PyBytes_Check(args[2]) || (args[0] != Py_None && !PyTuple_Check(args[0])))
        return PyErr_Format(PyExc_TypeError, "_decode takes a codec, a content type and bytes");
    if (value_text(state, "content_type", args[1], &content_type) < 0) return NULL;
    return data_decode(state, args[0] == Py_None ? NULL : args[0], content_type, PyBytes_AS_STRING(args[2]),
                       (size_t)PyBytes_GET_SIZE(args[2]));
}
