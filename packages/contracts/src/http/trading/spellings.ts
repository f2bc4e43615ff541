/**
 * Names of query parameters that are taken for others. The pages of the contract's source lost the names, so that ours are a guess which
 * somebody may have made otherwise.
 */
export const COMMAND_TYPE_SPELLINGS = { command_type: 'commandType', type: 'commandType' } as const;

/** The same for the length of a bucket. */
export const BUCKET_SPELLINGS = { bucketMinutes: 'bucket', bucket_minutes: 'bucket' } as const;
