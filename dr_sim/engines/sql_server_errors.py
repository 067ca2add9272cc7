"""SQL Server's messages, word for word, with holes for the engine to fill.

From the vendor's list of messages; 3013, which follows every failed restore, is not raised by
itself.
"""

from __future__ import annotations

from dr_sim.engines.port import EngineError

ERRORS: dict[int, str] = {
    596: "Cannot continue the execution because the session is in the kill state.",
    824: "SQL Server detected a logical consistency-based I/O error: incorrect checksum.",
    911: "Database '{db}' does not exist. Make sure that the name is entered correctly.",
    927: "Database '{db}' cannot be opened. It is in the middle of a restore.",
    1801: "Database '{db}' already exists. Choose a different database name.",
    3043: "BACKUP '{db}' detected an error on page ({file}:{page}) in file '{path}'.",
    3117: "The log or differential backup cannot be restored because no files are ready to "
    "rollforward.",
    3118: 'The database "{db}" does not exist. RESTORE can only create a database when '
    "restoring either a full backup"
    " or a file backup of the primary file.",
    3136: "This differential backup cannot be restored because the database has not been "
    "restored to the correct"
    " earlier state.",
    3153: "The database is already fully recovered.",
    3154: "The backup set holds a backup of a database other than the existing '{db}' database.",
    3159: 'The tail of the log for the database "{db}" has not been backed up. Use BACKUP LOG '
    "WITH NORECOVERY to backup"
    " the log if it contains work you do not want to lose. Use the WITH REPLACE or WITH "
    "STOPAT clause of the RESTORE"
    " statement to just overwrite the contents of the log.",
    3183: 'RESTORE detected an error on page ({file}:{page}) in database "{db}" as read from '
    "the backup set.",
    3189: "Damage to the backup set was detected.",
    3201: "Cannot open backup device '{path}'. Operating system error 2(The system cannot find "
    "the file specified.).",
    3202: 'Write on "{path}" failed: 112(There is not enough space on the disk.)',
    3203: 'Read on "{path}" failed: 38(Reached the end of the file.)',
    3241: "The media family on device '{path}' is incorrectly formed. SQL Server cannot process "
    "this media family.",
    3256: "The backup set on device '{path}' was terminated while it was being created and is "
    "incomplete. RESTORE"
    " sequence is terminated abnormally.",
    3257: "There is insufficient free space on disk volume '{volume}' to create the database. "
    "The database requires"
    " {required} additional free bytes, while only {free} bytes are available.",
    3035: 'Cannot perform a differential backup for database "{db}", because a current database '
    "backup does not exist.",
    3101: "Exclusive access could not be obtained because the database is in use.",
    3414: "An error occurred during recovery, preventing the database '{db}' from restarting. "
    "Diagnose the recovery errors and fix them, or restore from a known good backup.",
    3456: "Could not redo a log record of database '{db}'. Restore from a backup of the "
    "database, or repair the database.",
    4208: "The statement BACKUP LOG is not allowed while the recovery model is SIMPLE. Use "
    "BACKUP DATABASE or change the"
    " recovery model using ALTER DATABASE.",
    4214: "BACKUP LOG cannot be performed because there is no current database backup.",
    4305: "The log in this backup set begins at LSN {lsn}, which is too recent to apply to the "
    "database. An earlier log"
    " backup that includes LSN {redo} can be restored.",
    4326: "The log in this backup set terminates at LSN {lsn}, which is too early to apply to "
    "the database. A more recent"
    " log backup that includes LSN {redo} can be restored.",
    4330: "This backup set cannot be applied because it is on a recovery path that is "
    "inconsistent with the database.",
    3169: "The database was backed up on a server running version {there}. That version is "
    "incompatible with this server,"
    " which is running version {here}. Either restore the database on a server that "
    "supports the backup, or use a backup"
    " that is compatible with this server.",
    5133: 'Directory lookup for the file "{path}" failed with the operating system error {why}.'
    " 3156 File '{file}' cannot be restored to '{path}'. Use WITH MOVE to identify a "
    "valid location for the file.",
    33111: "Cannot find server certificate with thumbprint '{thumbprint}'.",
    9002: "The transaction log for database '{db}' is full due to 'LOG_BACKUP'.",
}
"""Number -> text. 911, 927, 1801, 3035, 3118, 3153 and 3159 are not in the facts' table: misuse of
the engine, not damage.
"""


def refusal(number: int, **holes: object) -> EngineError:
    return EngineError(number, ERRORS[number].format(**holes))
