{
  # The Node-API shim and the C core in one addon. csrc/sources.txt and csrc/flags.txt are what make and setup.py read.
  'targets': [
    {
      'target_name': 'tallystick',
      'sources': [
        '<!@(node scripts/gyp_list.js shim)',
        '<!@(node scripts/gyp_list.js sources)',
      ],
      'include_dirs': ['csrc', 'csrc/include', 'node/ext'],
      'defines': ['TALLY_STATIC=1', 'NAPI_VERSION=9'],
      # gyp's own -O3, frame pointers and warnings would make another library of the same sources.
      'cflags!': ['-O3', '-fno-omit-frame-pointer', '-Wno-unused-parameter'],
      'cflags': [
        '<!@(node scripts/gyp_list.js flags)',
        '-flto=auto',
        # Node's headers are the system's: our warnings are not for them.
        '-isystem', '<(node_root_dir)/include/node',
      ],
      'ldflags': ['-O2', '-flto=auto', '-Wl,-z,nodelete'],
      'libraries': ['<!@(node scripts/gyp_list.js sodium)'],
      'configurations': {
        'Release': { 'cflags!': ['-O3', '-fno-omit-frame-pointer'] },
      },
    },
  ],
}
