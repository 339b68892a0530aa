# SPDX-License-Identifier: Apache-2.0
"""Files of events in chunks: computed by workers, kept as they are done, resumable; analyses and scores stand on it."""
