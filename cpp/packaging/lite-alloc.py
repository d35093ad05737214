# SPDX-License-Identifier: MIT
#
# A port for Emscripten, which compiles the sources beside this file and fetches nothing:
#
#   emcc app.c --use-port=node_modules/lite-alloc/dist/c/lite-alloc.py
#   emcc app.c --use-port=node_modules/lite-alloc/dist/c/lite-alloc.py:malloc=checked

import hashlib
import os

URL = 'https://www.npmjs.com/package/lite-alloc'
DESCRIPTION = 'Memory allocators for WebAssembly: a malloc for the whole program, and C++ headers'
LICENSE = 'MIT license'

OPTIONS = {
  'malloc': 'Which malloc the program links: default, hardened, checked, or none for the headers alone',
}

VARIANTS = {
  'default': [],
  'hardened': ['-DLITE_ALLOC_HARDENED=1'],
  'checked': ['-DLITE_ALLOC_CHECKED=1'],
}

# Without these a compiler makes a malloc followed by a memset a call of calloc, also inside calloc.
FUNCTIONS = ['malloc', 'calloc', 'realloc', 'free', 'memalign', 'aligned_alloc', 'posix_memalign']
FLAGS = ['-fno-lto', '-fno-unroll-loops', *(f'-fno-builtin-{name}' for name in FUNCTIONS)]

folder = os.path.dirname(os.path.abspath(__file__))
chosen = {'malloc': 'default'}


def handle_options(options, error_handler):
  variant = options.get('malloc', 'default')
  if variant not in VARIANTS and variant != 'none':
    error_handler(f'the option malloc is {variant}; it must be default, hardened, checked or none')
  chosen['malloc'] = variant


def read_sources():
  sources = os.path.join(folder, 'src', 'lite_alloc', 'malloc')
  names = sorted(name for name in os.listdir(sources) if name.endswith('.cpp'))
  if chosen['malloc'] != 'checked':
    names.remove('checked_delete.cpp')
  return sources, names


def fingerprint():
  """Changes with every file of this package, so that the cache holds no library of another version."""
  digest = hashlib.sha256()
  for root, folders, names in os.walk(folder):
    folders.sort()
    for name in sorted(names):
      if name.endswith(('.cpp', '.hpp', '.py')):
        with open(os.path.join(root, name), 'rb') as file:
          digest.update(file.read())
  return digest.hexdigest()[:12]


def get_lib_name(settings):
  threads = '-mt' if settings.PTHREADS else '-ww' if settings.SHARED_MEMORY else ''
  return f'liblite_alloc_malloc-{chosen["malloc"]}-{fingerprint()}{threads}.a'


def get(ports, settings, shared):
  if chosen['malloc'] == 'none':
    return []

  def create(final):
    sources, names = read_sources()
    flags = ['-std=c++20', '-I' + os.path.join(folder, 'include'), *FLAGS, *VARIANTS[chosen['malloc']]]
    ports.build_port(sources, final, 'lite-alloc', srcs=names, flags=flags)

  return [shared.cache.get_lib(get_lib_name(settings), create, what='port')]


def clear(ports, settings, shared):
  shared.cache.erase_lib(get_lib_name(settings))


def linker_setup(ports, settings):
  if chosen['malloc'] != 'none':
    settings.MALLOC = 'none'


def process_args(ports):
  return ['-isystem', os.path.join(folder, 'include')]
