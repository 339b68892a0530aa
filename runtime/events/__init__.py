# SPDX-License-Identifier: Apache-2.0
"""Events: read from files, checked, made into batches; results written."""
